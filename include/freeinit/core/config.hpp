#pragma once

/// Build modes. Compiled (default): headers hold declarations and the library is linked.
/// Header-only: the target `freeinit::header_only` defines FREEINIT_HEADER_ONLY and every public
/// header ends by including its body from `impl/`. The inline namespace differs by mode, so that
/// mixing the two in one program is a link error instead of a silent second copy. It changes with
/// every version that may change the interface: 0.x.

// CMake reads the version from here; tests/packaging/version_test.py compares all other places.
#define FREEINIT_VERSION_MAJOR 0
#define FREEINIT_VERSION_MINOR 2
#define FREEINIT_VERSION_PATCH 0
#define FREEINIT_VERSION "0.2.0"

#ifdef FREEINIT_HEADER_ONLY
#define FREEINIT_ABI v0_2_header_only
#define FREEINIT_INLINE inline
#else
#define FREEINIT_ABI v0_2
#define FREEINIT_INLINE
#endif

#if defined(FREEINIT_SHARED) && !defined(FREEINIT_HEADER_ONLY)
#define FREEINIT_API __attribute__((visibility("default")))
#else
#define FREEINIT_API
#endif
