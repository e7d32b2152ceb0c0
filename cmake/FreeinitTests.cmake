# freeinit_add_test(LAYER [NO_TORCH] SOURCES ...): the same test sources against both targets,
# `<layer>` (compiled) and `<layer>_header_only`; layers without LibTorch also as `<layer>_sanitized`
# (ASan, UBSan). One executable a layer, because linking LibTorch is slow; unity builds, because
# parsing it is.
set(FREEINIT_TEST_DATA "${PROJECT_SOURCE_DIR}/tests/golden")

function(freeinit_add_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TORCH" "" "SOURCES")
  _freeinit_test_executable(${layer} "${arg_SOURCES}" freeinit::freeinit)
  _freeinit_test_executable(${layer}_header_only "${arg_SOURCES}" freeinit::header_only_backends)
  if(arg_NO_TORCH)
    _freeinit_test_executable(${layer}_sanitized "${arg_SOURCES};${FREEINIT_BASE_SOURCES}"
                              freeinit_private_dependencies)
    target_include_directories(test_${layer}_sanitized PRIVATE "${PROJECT_SOURCE_DIR}/include")
    target_compile_options(test_${layer}_sanitized PRIVATE
      -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O0 -g1)
    target_link_options(test_${layer}_sanitized PRIVATE -fsanitize=address,undefined)
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
