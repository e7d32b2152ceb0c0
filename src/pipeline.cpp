// The compiled form of the layer "pipeline".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/pipeline/checkpoint_folder_inl.hpp>
#include <freeinit/impl/pipeline/clip_latents_inl.hpp>
#include <freeinit/impl/pipeline/memory_estimate_inl.hpp>
#include <freeinit/impl/pipeline/probe_inl.hpp>
#include <freeinit/impl/pipeline/profile_trace_inl.hpp>
#include <freeinit/impl/pipeline/text_to_video_pipeline_inl.hpp>
