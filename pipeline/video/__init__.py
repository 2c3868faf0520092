"""Finding and reading video: files, folders and tars in, whole videos or clear failures out."""

from .command import ReadLimits
from .copies import remove_dead_copies
from .crops import center_crop, crop, shorter_side, sizes_of
from .inputs import InputError, find_videos
from .log import VideoError, VideoInfo
from .pictures import Frames
from .reader import VideoReader, probe
from .source import VideoSource

__all__ = [
    "Frames",
    "InputError",
    "ReadLimits",
    "VideoError",
    "VideoInfo",
    "VideoReader",
    "VideoSource",
    "center_crop",
    "crop",
    "find_videos",
    "probe",
    "remove_dead_copies",
    "shorter_side",
    "sizes_of",
]
