"""Tokenizers whose tokens span several frames: whole clips in, cut into windows."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from .code_stream import CodeStream
from .interface import Tokenizer, TokenizerError, check_frames


class VideoTokenizer(Tokenizer):
    """Frames of one clip `(T, 3, H, W)` to codes `(T', H / f, W / f)`, T' = 1 + ceil((T - 1) / c).

    Code frame 0 is frame 0; code frame t after it spans frames c * (t - 1) + 1 to c * t, so it ends
    at frame c * t. A tail that does not fill its group is filled by repeating the last frame.

    The network sees `window` frames at a time. A window begins with the last frame of the one
    before, and its first code, which is that frame again, is dropped: so a clip has one code
    frame for every c frames however long it is, and codes do not depend on how it is cut into
    pushes. Decoding does the same with one code frame of the window before.

    Attributes:
        window: Frames the network sees at a time, 1 + a multiple of c; part of the fingerprint,
            since it decides codes.
    """

    window: int

    @abstractmethod
    def _encode_window(self, frames: Tensor) -> Tensor:
        """Encode `(1 + k * c, 3, H, W)` frames, at most a window, to `(1 + k, h, w)` codes."""

    @abstractmethod
    def _decode_window(self, codes: Tensor) -> Tensor:
        """Decode `(1 + k, h, w)` codes, at most a window, to `(1 + k * c, 3, H, W)` frames."""

    def _stream(self) -> CodeStream:
        return WindowStream(self)

    def _encode(self, frames: Tensor) -> Tensor:
        stream = self._stream()
        return torch.cat([stream.push(frames), stream.end()])

    def _decode(self, codes: Tensor) -> Tensor:
        step = (self.window - 1) // self.temporal_compression
        starts = range(0, max(len(codes) - 1, 1), step) if len(codes) else ()
        parts = [
            self._decode_window(codes[start : start + step + 1])[min(start, 1) :]
            for start in starts
        ]
        height, width = (side * self.compression for side in codes.shape[1:])
        empty = torch.zeros(0, 3, height, width, dtype=torch.uint8, device=self.device)
        return torch.cat([empty, *parts])


class WindowStream(CodeStream):
    """Codes of one video, a window of frames at a time."""

    def __init__(self, tokenizer: VideoTokenizer) -> None:
        """Begin a video."""
        super().__init__(tokenizer)
        self._video = tokenizer
        self._waiting: Tensor | None = None
        self._begun = False

    def _push(self, frames: Tensor) -> Tensor:
        check_frames(frames, self._video.compression)
        if self._waiting is not None:
            if frames.shape[1:] != self._waiting.shape[1:]:
                raise TokenizerError("frames of one video must be of one size")
            frames = torch.cat([self._waiting, frames.to(self._waiting.device)])
        grid = [side // self._video.compression for side in frames.shape[2:]]
        codes = [torch.zeros(0, *grid, dtype=torch.int64, device=self._video.device)]
        while len(frames) >= self._video.window:
            codes.append(self._window(frames[: self._video.window]))
            frames = frames[self._video.window - 1 :]
        self._waiting = frames
        return torch.cat(codes)

    def end(self) -> Tensor:
        """Codes `(n, h, w)` of frames that still waited for others; the stream is over."""
        frames, self._waiting = self._waiting, None
        if frames is None or len(frames) <= self._begun:
            return super().end()
        missing = -(len(frames) - 1) % self._video.temporal_compression
        return self._window(torch.cat([frames, frames[-1:].expand(missing, *frames.shape[1:])]))

    def _window(self, frames: Tensor) -> Tensor:
        """Codes of a window, less the one of the frame that the window before ended with."""
        codes = self._video._encode_window(frames)[int(self._begun) :]
        self._begun = True
        return codes
