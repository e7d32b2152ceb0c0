// The compiled form of the layer "io".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/io/file_metadata_inl.hpp>
#include <freeinit/impl/io/output_file_inl.hpp>
#include <freeinit/impl/io/safetensors_inl.hpp>
#include <freeinit/impl/io/sha256_inl.hpp>
#include <freeinit/impl/io/text_file_inl.hpp>
#include <freeinit/impl/io/video_file_inl.hpp>
