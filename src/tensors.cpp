// The compiled form of the layer "tensors".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/tensors/resize_inl.hpp>
#include <freeinit/impl/tensors/tensor_file_inl.hpp>
#include <freeinit/impl/tensors/video_frames_inl.hpp>
