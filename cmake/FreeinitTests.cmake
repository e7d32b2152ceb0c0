# freeinit_add_test(LAYER [NO_TORCH [THREADS]] SOURCES ...): the same test sources in each form of
# FREEINIT_TEST_FORMS that the layer has; `tsan` is for tests of threads. One executable a layer,
# because linking LibTorch is slow; unity builds, because parsing it is.
set(FREEINIT_TEST_FORMS compiled CACHE STRING "Forms of the library that are tested:
  compiled, header_only; of the layers without LibTorch: sanitized (ASan and UBSan), tsan (ThreadSanitizer)")
set(FREEINIT_TEST_DATA "${PROJECT_SOURCE_DIR}/tests/golden")

# The layers without LibTorch under sanitizers: freeinit_FORM, and freeinit_FORM_options alone.
set(FREEINIT_SANITIZED_FORMS "")
function(freeinit_add_sanitized_form form flags)
  if(NOT form IN_LIST FREEINIT_TEST_FORMS)
    return()
  endif()
  add_library(freeinit_${form}_options INTERFACE)
  target_compile_definitions(freeinit_${form}_options INTERFACE FREEINIT_SANITIZED)
  target_compile_options(freeinit_${form}_options INTERFACE
    -fsanitize=${flags} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(freeinit_${form}_options INTERFACE -fsanitize=${flags})
  add_library(freeinit_${form} STATIC ${FREEINIT_BASE_SOURCES})
  set_target_properties(freeinit_${form} PROPERTIES EXPORT_COMPILE_COMMANDS OFF)  # clang-tidy: once a unit
  target_include_directories(freeinit_${form} PUBLIC "${PROJECT_SOURCE_DIR}/include")
  target_compile_features(freeinit_${form} PUBLIC cxx_std_20)
  target_link_libraries(freeinit_${form} PUBLIC freeinit_private_dependencies freeinit_${form}_options)
  target_compile_options(freeinit_${form} PRIVATE -O1)
  set(FREEINIT_SANITIZED_FORMS ${FREEINIT_SANITIZED_FORMS} ${form} PARENT_SCOPE)
endfunction()
freeinit_add_sanitized_form(sanitized address,undefined)
freeinit_add_sanitized_form(tsan thread)

function(freeinit_add_test layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TORCH;THREADS" "" "SOURCES")
  if("compiled" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer} "${arg_SOURCES}" freeinit::freeinit)
  endif()
  if("header_only" IN_LIST FREEINIT_TEST_FORMS)
    _freeinit_test_executable(${layer}_header_only "${arg_SOURCES}" freeinit::header_only_backends)
  endif()
  if(arg_NO_TORCH)
    set(forms ${FREEINIT_SANITIZED_FORMS})
    if(NOT arg_THREADS)
      list(REMOVE_ITEM forms tsan)
    endif()
    foreach(form IN LISTS forms)
      _freeinit_test_executable(${layer}_${form} "${arg_SOURCES}" freeinit_${form})
    endforeach()
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
