# freeinit_add_test(LAYER [NO_TORCH] SOURCES ...): the tests of a layer, in each form of FREEINIT_TEST_FORMS
# that the layer has. The form `compiled` is a program a layer, for daily work. Each other form is one program
# of few units, which freeinit_add_whole_tests() makes when all layers are known: what takes long is to parse
# LibTorch and the bodies, and that is done once a unit.
set(FREEINIT_TEST_FORMS compiled CACHE STRING "Forms of the library that are tested:
  compiled, header_only, sanitized (ASan and UBSan, layers without LibTorch)")
set(FREEINIT_TEST_DATA "${PROJECT_SOURCE_DIR}/tests/golden")
# The corpus is replayed by every compiler; the fuzzers need clang and the form `sanitized`:
#   cmake -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DFREEINIT_BUILD_FUZZERS=ON -DFREEINIT_TEST_FORMS=sanitized
#   build/fuzz/tests/fuzz/fuzz_manifest -max_total_time=60 NEW_CORPUS tests/fuzz/corpus/manifest
option(FREEINIT_BUILD_FUZZERS "Build the libFuzzer targets (clang, sanitized)" OFF)

if("sanitized" IN_LIST FREEINIT_TEST_FORMS)
  add_library(freeinit_sanitizers INTERFACE)
  target_compile_definitions(freeinit_sanitizers INTERFACE FREEINIT_SANITIZED)
  target_compile_options(freeinit_sanitizers INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
    $<$<BOOL:${FREEINIT_BUILD_FUZZERS}>:-fsanitize=fuzzer-no-link>)  # so that both use the same objects
  target_link_options(freeinit_sanitizers INTERFACE -fsanitize=address,undefined)
  add_library(freeinit_sanitized STATIC ${FREEINIT_BASE_SOURCES})
  set_target_properties(freeinit_sanitized PROPERTIES
    EXPORT_COMPILE_COMMANDS OFF UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)  # clang-tidy: once a unit
  target_include_directories(freeinit_sanitized PUBLIC "${PROJECT_SOURCE_DIR}/include")
  target_compile_features(freeinit_sanitized PUBLIC cxx_std_20)
  target_link_libraries(freeinit_sanitized PUBLIC freeinit_private_dependencies freeinit_sanitizers)
  target_compile_options(freeinit_sanitized PRIVATE -O1)
endif()

function(freeinit_add_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TORCH" "" "SOURCES")
  if("compiled" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer} freeinit::freeinit ${arg_SOURCES})
    if(NOT arg_NO_TORCH)
      _freeinit_test_headers(test_${layer})
    endif()
  endif()
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    set_property(GLOBAL APPEND PROPERTY FREEINIT_TESTS_${layer} "${source}")
  endforeach()
  if(arg_NO_TORCH)
    set_property(GLOBAL APPEND PROPERTY FREEINIT_TESTS_NO_TORCH ${layer})
  endif()
endfunction()

# freeinit_add_whole_tests(UNIT...): a unit is the layers, joined by commas, whose tests it holds.
function(freeinit_add_whole_tests)
  get_property(no_torch GLOBAL PROPERTY FREEINIT_TESTS_NO_TORCH)
  foreach(unit IN LISTS ARGN)
    string(REPLACE "," ";" layers "${unit}")
    foreach(layer IN LISTS layers)
      get_property(sources GLOBAL PROPERTY FREEINIT_TESTS_${layer})
      set_source_files_properties(${sources} PROPERTIES UNITY_GROUP "${unit}")
      list(APPEND all ${sources})
      if(layer IN_LIST no_torch)
        list(APPEND base ${sources})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES all)  # what several layers share
  if("header_only" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(header_only freeinit::header_only_backends ${all})
    set_target_properties(test_header_only PROPERTIES UNITY_BUILD_MODE GROUP)
  endif()
  if("sanitized" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(sanitized freeinit_sanitized ${base})
    set_target_properties(test_sanitized PROPERTIES UNITY_BUILD_MODE GROUP)
  endif()
endfunction()

# LibTorch's functions are parsed once for the layers that use them.
function(_freeinit_test_headers target)
  get_property(first GLOBAL PROPERTY FREEINIT_TEST_HEADERS)
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
  else()
    target_precompile_headers(${target} PRIVATE <ATen/Functions.h> <gtest/gtest.h> <nlohmann/json.hpp>)
    set_property(GLOBAL PROPERTY FREEINIT_TEST_HEADERS ${target})
  endif()
endfunction()

function(_freeinit_test_executable name library)
  add_executable(test_${name} ${ARGN})
  target_link_libraries(test_${name} PRIVATE ${library} freeinit_private_dependencies
                        freeinit_warnings GTest::gtest GTest::gtest_main)
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_features(test_${name} PRIVATE cxx_std_20)
  target_compile_definitions(test_${name} PRIVATE FREEINIT_TEST_DATA="${FREEINIT_TEST_DATA}"
                             FREEINIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(test_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  # Run once a build: to optimise a test takes longer than it saves.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  add_test(NAME ${name} COMMAND test_${name})
  # One thread: the same bits everywhere, and no spinning OpenMP threads on a busy machine.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()
