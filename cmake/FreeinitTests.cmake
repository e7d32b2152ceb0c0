# freeinit_add_test(LAYER [NO_TORCH [THREADS]] SOURCES ...): the tests of a layer, in each form of
# FREEINIT_TEST_FORMS that the layer has; `tsan` is for tests of threads. The form `compiled` is a program a
# layer, for daily work. Each other form is one program of few units, which freeinit_add_whole_tests() makes
# when all layers are known: what takes long is to parse LibTorch and the bodies, and that is done once a unit.
set(FREEINIT_TEST_FORMS compiled CACHE STRING "Forms of the library that are tested:
  compiled, header_only; of the layers without LibTorch: sanitized (ASan and UBSan), tsan (ThreadSanitizer)")
set(FREEINIT_TEST_DATA "${PROJECT_SOURCE_DIR}/tests/golden")
option(FREEINIT_BUILD_FUZZERS "Build the libFuzzer targets (clang, sanitized)" OFF)

# The layers without LibTorch under sanitizers: freeinit_FORM, and freeinit_FORM_options alone.
set(FREEINIT_SANITIZED_FORMS "")
function(freeinit_add_sanitized_form form flags)
  if(NOT form IN_LIST FREEINIT_TEST_FORMS)
    return()
  endif()
  add_library(freeinit_${form}_options INTERFACE)
  target_compile_definitions(freeinit_${form}_options INTERFACE FREEINIT_SANITIZED)
  target_compile_options(freeinit_${form}_options INTERFACE
    -fsanitize=${flags} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 ${ARGN})
  target_link_options(freeinit_${form}_options INTERFACE -fsanitize=${flags})
  add_library(freeinit_${form} STATIC ${FREEINIT_BASE_SOURCES})
  set_target_properties(freeinit_${form} PROPERTIES
    EXPORT_COMPILE_COMMANDS OFF UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)  # clang-tidy: once a unit
  target_include_directories(freeinit_${form} PUBLIC "${PROJECT_SOURCE_DIR}/include")
  target_compile_features(freeinit_${form} PUBLIC cxx_std_20)
  target_link_libraries(freeinit_${form} PUBLIC freeinit_private_dependencies freeinit_${form}_options)
  target_compile_options(freeinit_${form} PRIVATE -O1)
  set(FREEINIT_SANITIZED_FORMS ${FREEINIT_SANITIZED_FORMS} ${form} PARENT_SCOPE)
endfunction()
freeinit_add_sanitized_form(sanitized address,undefined  # fuzzers and tests use the same objects
                            $<$<BOOL:${FREEINIT_BUILD_FUZZERS}>:-fsanitize=fuzzer-no-link>)
freeinit_add_sanitized_form(tsan thread)

function(freeinit_add_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TORCH;THREADS" "" "SOURCES")
  if("compiled" IN_LIST FREEINIT_TEST_FORMS)
    freeinit_test_executable(${layer} freeinit::freeinit ${arg_SOURCES})
    if(NOT arg_NO_TORCH)
      _freeinit_test_headers(test_${layer})
    endif()
  endif()
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    set_property(GLOBAL APPEND PROPERTY FREEINIT_TESTS_${layer} "${source}")
  endforeach()
  if(arg_NO_TORCH)
    set_property(GLOBAL APPEND PROPERTY FREEINIT_TESTS_sanitized ${layer})
  endif()
  if(arg_THREADS)
    set_property(GLOBAL APPEND PROPERTY FREEINIT_TESTS_tsan ${layer})
  endif()
endfunction()

# freeinit_add_whole_tests(UNIT...): a unit is the layers, joined by commas, whose tests it holds.
function(freeinit_add_whole_tests)
  foreach(unit IN LISTS ARGN)
    string(REPLACE "," ";" layers "${unit}")
    foreach(layer IN LISTS layers)
      get_property(sources GLOBAL PROPERTY FREEINIT_TESTS_${layer})
      set_source_files_properties(${sources} PROPERTIES UNITY_GROUP "${unit}")
      list(APPEND all ${sources})
      foreach(form IN LISTS FREEINIT_SANITIZED_FORMS)
        get_property(layers_of_form GLOBAL PROPERTY FREEINIT_TESTS_${form})
        if(layer IN_LIST layers_of_form)
          list(APPEND of_${form} ${sources})
        endif()
      endforeach()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES all)  # what several layers share
  if("header_only" IN_LIST FREEINIT_TEST_FORMS)
    freeinit_test_executable(header_only freeinit::header_only_backends ${all})
    set_target_properties(test_header_only PROPERTIES UNITY_BUILD_MODE GROUP)
  endif()
  foreach(form IN LISTS FREEINIT_SANITIZED_FORMS)
    freeinit_test_executable(${form} freeinit_${form} ${of_${form}})
    set_target_properties(test_${form} PROPERTIES UNITY_BUILD_MODE GROUP)
  endforeach()
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

function(freeinit_test_executable name library)
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
