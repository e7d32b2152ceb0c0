// The compiled form of the layer "text".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/text/clip_tokenizer_inl.hpp>
#include <freeinit/impl/text/mend_text_inl.hpp>
#include <freeinit/impl/text/prompt_notes_inl.hpp>
