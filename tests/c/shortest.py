import numpy
from freeinit_ctypes import Library

freeinit = Library("build/prefix/lib/libfreeinit_c.so.1")
frames, latents, report = freeinit.load("models/shapes").generate(
    {"prompt": "a red circle moving right", "seed": 42, "num_iters": 3})
numpy.save("circle.npy", frames)
