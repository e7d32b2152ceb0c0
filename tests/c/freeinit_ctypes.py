"""freeinit/c/freeinit.h by ctypes: what a Python program needs of it, in one file to copy."""

import ctypes
import json
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_float, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint8, c_void_p

import numpy


class Versioned(Structure):
    """All zero but its own size."""

    def __init__(self, **fields):
        super().__init__(ctypes.sizeof(self), **fields)


class Progress(Structure):
    _fields_ = [("struct_size", c_size_t), ("phase", c_char_p)] + [
        (name, c_int64) for name in ("pass_", "num_passes", "step", "num_steps", "video", "num_videos",
                                     "calls", "num_calls")]


class Frame(Structure):
    _fields_ = [("struct_size", c_size_t), ("rgb", POINTER(c_uint8))] + [
        (name, c_int64) for name in ("height", "width", "index", "num_frames", "video")]

    def array(self):
        """[height,width,3] uint8, a copy: the bytes are gone when the callback returns."""
        return numpy.ctypeslib.as_array(self.rgb, (self.height, self.width, 3)).copy()


class Latents(Versioned):
    _fields_ = [("struct_size", c_size_t), ("data", POINTER(c_float))] + [
        (name, c_int64) for name in ("channels", "frames", "height", "width", "video", "pass_")]

    def array(self):
        """[channels,frames,height,width] float32, a copy."""
        shape = (self.channels, self.frames, self.height, self.width)
        return numpy.ctypeslib.as_array(self.data, shape).copy()

    @classmethod
    def of(cls, array):
        """`array` [channels,frames,height,width], float32 and contiguous, must outlive it."""
        names = ("channels", "frames", "height", "width")
        return cls(data=array.ctypes.data_as(POINTER(c_float)), **dict(zip(names, array.shape)))


class Clip(Versioned):
    _fields_ = [("struct_size", c_size_t), ("rgb", POINTER(c_uint8))] + [
        (name, c_int64) for name in ("frames", "height", "width")]


ProgressFn = CFUNCTYPE(c_int, c_void_p, POINTER(Progress))
LatentsFn = CFUNCTYPE(c_int, c_void_p, POINTER(Latents))
FrameFn = CFUNCTYPE(c_int, c_void_p, POINTER(Frame))
LogFn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class LoadOptions(Versioned):
    _fields_ = [("struct_size", c_size_t), ("user_data", c_void_p), ("on_progress", ProgressFn),
                ("on_log", LogFn), ("cancel", c_void_p), ("device", c_char_p), ("dtype", c_char_p),
                ("backend", c_char_p), ("hash_stamps", c_char_p), ("skip_hashes", c_int32),
                ("low_memory", c_int32)]


class RunOptions(Versioned):
    _fields_ = [("struct_size", c_size_t), ("user_data", c_void_p), ("on_progress", ProgressFn),
                ("on_log", LogFn), ("on_pass", LatentsFn), ("on_frame", FrameFn),
                ("cancel", c_void_p), ("clip", POINTER(Clip)), ("initial_noise", POINTER(Latents))]


class FreeInitError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        for name in ("version", "last_error", "status_name", "pipeline_info", "result_json"):
            getattr(self.c, f"freeinit_{name}").restype = c_char_p
        for name in ("pipeline_info", "pipeline_free", "result_json", "result_free", "cancel_request",
                     "cancel_free", "string_free"):
            getattr(self.c, f"freeinit_{name}").argtypes = [c_void_p]

    def check(self, status):
        if status != 0:
            raise FreeInitError(status, self.c.freeinit_last_error().decode())

    def bundle_info(self, folder):
        text = c_void_p()
        self.check(self.c.freeinit_bundle_info(str(folder).encode(), byref(text)))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            self.c.freeinit_string_free(text)

    def load(self, folder, **options):
        return Pipeline(self, folder, LoadOptions(**options))


class Pipeline:
    def __init__(self, library, folder, options):
        self.freeinit, self.handle = library, c_void_p()
        library.check(library.c.freeinit_pipeline_load(str(folder).encode(), byref(options),
                                                       byref(self.handle)))

    def __del__(self):
        self.freeinit.c.freeinit_pipeline_free(self.handle)

    def info(self):
        return json.loads(self.freeinit.c.freeinit_pipeline_info(self.handle))

    def generate(self, request, **options):
        """(frames [F,H,W,3] uint8 of the first video, its latents, the report)."""
        frames = []

        def keep(_, frame):
            frames.append(frame.contents.array())
            return 0

        c, result = self.freeinit.c, c_void_p()
        settings = RunOptions(**{"on_frame": FrameFn(keep), **options})
        self.freeinit.check(c.freeinit_generate(self.handle, json.dumps(request).encode(),
                                               byref(settings), byref(result)))
        try:
            latents = Latents()
            self.freeinit.check(c.freeinit_result_latents(result, c_int64(0), byref(latents)))
            report = json.loads(c.freeinit_result_json(result))
            return numpy.stack(frames) if frames else None, latents.array(), report
        finally:
            c.freeinit_result_free(result)
