"""A folder of what untidy collections hold: files that lie, files cut or damaged, odd videos."""

import os
import subprocess
from pathlib import Path

from vimpac.pipeline.video.ffmpeg import ffmpeg_executable

CUTS = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
SCRIPT = "ffconcat version 1.0\nfile {}\n"
SESSION = "v=0\nm=video 5004 RTP/AVP 96\nc=IN IP4 127.0.0.1\na=rtpmap:96 H264/90000\n"
NAMES = (
    "two words",
    'it\'s "quoted"',
    "two\nlines",
    "видео🎬",
    "-leading",
    "concat:a|b",
    "%03d",
    "[a];b,c=d\\",
    "file:x",
)


def ffmpeg(*arguments: object) -> None:
    command = [ffmpeg_executable(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def lavfi(source: str, path: Path, *options: object) -> None:
    ffmpeg("-f", "lavfi", "-i", source, *options, path)


def make_hostile(folder: Path, clip: Path, elsewhere: Path) -> dict[str, str | None]:
    """Fill a folder; by key, the reason each file should fail for, None for odd whole videos.

    Args:
        folder: where to put them; `.mp4` names are not all mp4.
        clip: a real mp4 video of some seconds.
        elsewhere: a video outside the folder, that playlists point at.
    """
    return {
        **no_videos(folder, elsewhere),
        **cut_and_damaged(folder, clip),
        **odd_videos(folder, clip),
        **special_files(folder),
    }


def no_videos(folder: Path, elsewhere: Path) -> dict[str, str | None]:
    """Files that are no videos, whatever they are called."""
    texts = {
        "text": "this is no video\n" * 100,
        "page": "<!doctype html><title>404 Not Found</title>",
        "hls": PLAYLIST.format(elsewhere),
        "hls_network": PLAYLIST.format("http://127.0.0.1:9/video.ts"),
        "ffconcat": SCRIPT.format(f"'{elsewhere}'"),
        "session": SESSION,
    }
    for name, text in texts.items():
        (folder / f"{name}.mp4").write_text(text)
    (folder / "zeros.mp4").write_bytes(bytes(5000))
    (folder / "noise.mkv").write_bytes(os.urandom(5000))
    lavfi("testsrc=s=64x64", folder / "picture.png", "-frames:v", 1)
    lavfi("testsrc=s=64x64", folder / "photo.jpg", "-frames:v", 1, "-update", 1)
    (folder / "picture.png").rename(folder / "picture.mp4")
    (folder / "photo.jpg").rename(folder / "photo.mkv")
    (folder / "empty.mp4").touch()
    lavfi("sine=d=1", folder / "sound.mp4")
    lavfi("sine=d=1", folder / "sound_too.mkv", "-c:a", "flac")
    lavfi("testsrc=s=64x64:r=5:d=1", folder / "no_time.mp4", "-t", 0)
    unreadable = [*texts, "zeros", "noise", "picture", "photo"]
    silent = ("sound", "sound_too", "no_time")
    return {
        **dict.fromkeys(unreadable, "unreadable"),
        **dict.fromkeys(silent, "no_video_stream"),
        "empty": "empty",
    }


def cut_and_damaged(folder: Path, clip: Path) -> dict[str, str | None]:
    """A real video cut short at ten places in two containers, and damaged in its middle."""
    reasons: dict[str, str | None] = {}
    for suffix in (".mp4", ".mkv"):
        whole = folder / f"whole{suffix}"
        ffmpeg("-i", clip, "-c", "copy", "-an", "-movflags", "+faststart", whole)
        content = whole.read_bytes()
        whole.unlink()
        for cut in CUTS:
            name = f"cut_{suffix[1:]}_{100 * cut:.0f}"
            (folder / f"{name}{suffix}").write_bytes(content[: int(cut * len(content))])
            reasons[name] = "truncated"
        for place in (0.4, 0.6):
            name = f"damaged_{suffix[1:]}_{100 * place:.0f}"
            damaged = bytearray(content)
            at = int(place * len(content))
            damaged[at : at + 3000] = bytes(3000)
            (folder / f"{name}{suffix}").write_bytes(damaged)
            reasons[name] = "corrupt"
    return reasons


def odd_videos(folder: Path, clip: Path) -> dict[str, str | None]:
    """Whole videos of unusual shape, time or colour; two are too large to be decoded."""
    small, ffv1 = "testsrc=s=64x64:r=10:d=1", ("-c:v", "ffv1")
    lavfi("color=s=12000x12000:r=1:d=1", folder / "huge.mkv", "-frames:v", 1, *ffv1)
    lavfi("color=s=2048x16:r=5:d=1", folder / "ribbon.mkv", *ffv1)
    lavfi("color=s=1x1:r=5:d=1", folder / "dot.mkv", *ffv1)
    lavfi("testsrc=s=101x51:r=5:d=1", folder / "odd.mkv", *ffv1)
    lavfi(small, folder / "ten_bit.mkv", *ffv1, "-pix_fmt", "yuv420p10le")
    lavfi(small, folder / "grey.mkv", *ffv1, "-pix_fmt", "gray")
    lavfi(small, folder / "alpha.mkv", *ffv1, "-pix_fmt", "bgra")
    lavfi(small, folder / "one_frame.mp4", "-frames:v", 1)
    lavfi(small, folder / "animation.gif")
    slowing = ("-vf", "setpts=N*N/40/TB", "-fps_mode", "vfr")
    lavfi(small, folder / "variable.mkv", *slowing)
    lavfi(small, folder / "plain.mp4")
    turned = ("-display_rotation", 90, "-i", folder / "plain.mp4", "-c", "copy")
    ffmpeg(*turned, folder / "rotated.mp4")
    names = ["dot", "odd", "ten_bit", "grey", "alpha", "one_frame", "animation", "variable"]
    for name in NAMES:
        (folder / f"{name}.mp4").write_bytes((folder / "plain.mp4").read_bytes())
    whole = dict.fromkeys((*names, "plain", "rotated", *NAMES))
    return {"huge": "too_large", "ribbon": "too_large", **whole}


def special_files(folder: Path) -> dict[str, str | None]:
    """Links that lead nowhere or in circles, and a pipe that nobody writes to."""
    (folder / "circle.mp4").symlink_to(folder / "circle.mp4")
    (folder / "nowhere.mp4").symlink_to(folder / "not there.mp4")
    (folder / "inside_itself").symlink_to(folder)
    os.mkfifo(folder / "pipe.mp4")
    (folder / "folder.mp4").mkdir()
    return {"circle": "unreadable", "nowhere": "missing", "pipe": "unreadable"}
