"""freeinit/c/freeinit.h by ctypes: what a Python program needs of it, in one file to copy.

    freeinit = Library("PREFIX/lib/libfreeinit_c.so.1")
    frames, latents, report = freeinit.load("BUNDLE").generate({"prompt": "a red circle", "seed": 42})

Options have the names of the C structs. Callbacks are callables of Python: they get the struct that C hands
over, `on_log` a level and a text. What they get is gone when they return; `array()` copies. One that returns
True ends the call. So does one that raises, and Ctrl-C: the exception comes out where the call was made.
"""

import ctypes
import json
import os
import signal
import threading
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_float, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint8, c_void_p

import numpy


class Versioned(Structure):
    """All zero but its own size."""

    def __init__(self, **fields):
        known = [name for name, *_ in self._fields_[1:]]
        for name in fields:
            if name not in known:  # ctypes would take it in silence
                raise TypeError(f"{name!r}: unknown option; expected one of {', '.join(known)}")
        super().__init__(ctypes.sizeof(self), **fields)


class Progress(Structure):
    _fields_ = [("struct_size", c_size_t), ("c_phase", c_char_p)] + [
        (name, c_int64) for name in ("pass_", "num_passes", "step", "num_steps", "video", "num_videos",
                                     "calls", "num_calls")]

    @property
    def phase(self):
        return self.c_phase.decode()


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
        """`array`: [channels,frames,height,width] float32."""
        return view(cls, "data", array, numpy.float32, ("channels", "frames", "height", "width"))


class Clip(Versioned):
    _fields_ = [("struct_size", c_size_t), ("rgb", POINTER(c_uint8))] + [
        (name, c_int64) for name in ("frames", "height", "width")]

    @classmethod
    def of(cls, array):
        """`array`: [frames,height,width,3] uint8."""
        return view(cls, "rgb", array, numpy.uint8, ("frames", "height", "width"), last=(3,))


def view(kind, field, array, dtype, names, last=()):
    """A struct of the array's values and sizes, which keeps them alive."""
    values = numpy.ascontiguousarray(array)
    if values.dtype != dtype or values.ndim != len(names + last) or values.shape[len(names):] != last:
        raise ValueError(f"array of {values.dtype} {list(values.shape)}: expected {numpy.dtype(dtype)} "
                         f"[{','.join(map(str, names + last))}]")
    made = kind(**dict(zip(names, values.shape)))
    setattr(made, field, values.ctypes.data_as(POINTER(numpy.ctypeslib.as_ctypes_type(dtype))))
    made.values = values
    return made


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


def for_python(value):
    return value.decode() if isinstance(value, bytes) else getattr(value, "contents", value)


class Call:
    """What one call of C is given. The first exception of a callback is kept, and ends the call; so is
    Ctrl-C, which Python would raise on the way into a callback, where nobody catches it."""

    FUNCTIONS = {"on_progress": ProgressFn, "on_pass": LatentsFn, "on_frame": FrameFn, "on_log": LogFn}
    ARRAYS = {"clip": Clip, "initial_noise": Latents}

    def __init__(self):
        self.caught = []

    def function(self, kind, python):
        def called(_, *given):
            if self.caught:
                return 1
            try:
                return int(python(*map(for_python, given)) is True)
            except BaseException as error:
                self.caught.append(error)
                return 1
        return kind(called)

    def option(self, name, value):
        if name in self.FUNCTIONS:
            return self.function(self.FUNCTIONS[name], value)
        if name in self.ARRAYS:
            return ctypes.pointer(self.ARRAYS[name].of(value))
        return os.fsencode(value) if isinstance(value, (str, os.PathLike)) else value

    def __enter__(self):
        self.handler = None
        if threading.current_thread() is threading.main_thread():
            self.handler = signal.getsignal(signal.SIGINT)
        if self.handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda *_: self.caught.append(KeyboardInterrupt()))
        return self

    def __exit__(self, *_):
        if self.handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, self.handler)
        if self.caught:
            raise self.caught[0]


class Library:
    def __init__(self, path):
        # LibTorch's threads spin while they wait, and OpenMP reads how long while it is loaded.
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        self.c = ctypes.CDLL(os.fspath(path))
        for name in ("version", "last_error", "status_name", "pipeline_info", "result_json"):
            getattr(self.c, f"freeinit_{name}").restype = c_char_p
        for name in ("pipeline_info", "pipeline_free", "result_json", "result_free", "cancel_request",
                     "cancel_free", "string_free"):
            getattr(self.c, f"freeinit_{name}").argtypes = [c_void_p]

    def check(self, status):
        if status != 0:
            raise FreeInitError(status, self.c.freeinit_last_error().decode())

    def call(self, function, *given, options, made):
        """Fills in `made`. `options`: a kind of struct and its fields."""
        kind, fields = options
        with Call() as call:
            fields = {"on_progress": lambda _: None, **fields}  # Ctrl-C is seen there
            settings = kind(**{name: call.option(name, value) for name, value in fields.items() if value is not None})
            status = function(*given, byref(settings), byref(made))
        self.check(status)

    def bundle_info(self, folder):
        text = c_void_p()
        self.check(self.c.freeinit_bundle_info(os.fsencode(folder), byref(text)))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            self.c.freeinit_string_free(text)

    def load(self, folder, **options):
        return Pipeline(self, folder, options)


class Pipeline:
    def __init__(self, library, folder, options):
        self.freeinit, self.handle = library, c_void_p()
        library.call(library.c.freeinit_pipeline_load, os.fsencode(folder), options=(LoadOptions, options),
                     made=self.handle)

    def __del__(self):
        self.freeinit.c.freeinit_pipeline_free(self.handle)

    def info(self):
        return json.loads(self.freeinit.c.freeinit_pipeline_info(self.handle))

    def generate(self, request, **options):
        """(frames [F,H,W,3] uint8 of the first video, its latents [C,F,h,w], the report). With `on_frame` there
        are no frames here: it gets those of all videos. `clip` and `initial_noise` are arrays."""
        frames, c, result = [], self.freeinit.c, c_void_p()

        def keep(frame):
            if frame.video == 0:
                frames.append(frame.array())

        try:
            self.freeinit.call(c.freeinit_generate, self.handle, json.dumps(request).encode(),
                               options=(RunOptions, {"on_frame": keep, **options}), made=result)
            latents = Latents()
            self.freeinit.check(c.freeinit_result_latents(result, c_int64(0), byref(latents)))
            report = json.loads(c.freeinit_result_json(result))
            return numpy.stack(frames) if frames else None, latents.array(), report
        finally:
            c.freeinit_result_free(result)
