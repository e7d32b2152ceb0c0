# freeinit_add_test(LAYER [NO_TORCH] SOURCES ...): the same test sources in each form of
# FREEINIT_TEST_FORMS that the layer has. One executable a layer, because linking LibTorch is slow;
# unity builds, because parsing it is.
set(FREEINIT_TEST_FORMS compiled CACHE STRING "Forms of the library that are tested:
  compiled, header_only, sanitized (ASan and UBSan, layers without LibTorch)")
set(FREEINIT_TEST_DATA "${PROJECT_SOURCE_DIR}/tests/golden")

if("sanitized" IN_LIST FREEINIT_TEST_FORMS)
  add_library(freeinit_sanitizers INTERFACE)
  target_compile_definitions(freeinit_sanitizers INTERFACE FREEINIT_SANITIZED)
  target_compile_options(freeinit_sanitizers INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(freeinit_sanitizers INTERFACE -fsanitize=address,undefined)
  add_library(freeinit_sanitized STATIC ${FREEINIT_BASE_SOURCES})
  set_target_properties(freeinit_sanitized PROPERTIES EXPORT_COMPILE_COMMANDS OFF)  # clang-tidy: once a unit
  target_include_directories(freeinit_sanitized PUBLIC "${PROJECT_SOURCE_DIR}/include")
  target_compile_features(freeinit_sanitized PUBLIC cxx_std_20)
  target_link_libraries(freeinit_sanitized PUBLIC freeinit_private_dependencies freeinit_sanitizers)
  target_compile_options(freeinit_sanitized PRIVATE -O1)
endif()

function(freeinit_add_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TORCH" "" "SOURCES")
  if("compiled" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer} "${arg_SOURCES}" freeinit::freeinit)
  endif()
  if("header_only" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer}_header_only "${arg_SOURCES}" freeinit::header_only_backends)
  endif()
  if(arg_NO_TORCH AND "sanitized" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer}_sanitized "${arg_SOURCES}" freeinit_sanitized)
  endif()
endfunction()

function(_freeinit_test_executable name sources library)
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${library} freeinit_private_dependencies
                        freeinit_warnings GTest::gtest GTest::gtest_main)
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_features(test_${name} PRIVATE cxx_std_20)
  target_compile_definitions(test_${name} PRIVATE FREEINIT_TEST_DATA="${FREEINIT_TEST_DATA}"
                             FREEINIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(test_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  # Run once a build: what optimising a test takes is more than what it saves.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND test_${name})
  # One thread: the same bits everywhere, and no spinning OpenMP threads on a busy machine.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()
