# Finds LibTorch by its headers and libraries alone: those of pip's `torch`, or of the zip archive.
# LibTorch's own CMake package asks for a whole CUDA toolkit where it was built for CUDA; this does not.
#
# Looked for in this order:
#   LibTorch_ROOT, Torch_DIR, CMAKE_PREFIX_PATH: of CMake, then of the environment
#   the `torch` of the active Python (Python3_EXECUTABLE, VIRTUAL_ENV, else python3), which is not imported
#   .venv of the project; LibTorch_HINT: the one that an installed freeinit was built with
# Whoever names a LibTorch gets it, with a warning if its version was not tried. One that is only come
# across is passed over.
#
# Sets LibTorch_FOUND, LibTorch_DIR (the folder that holds include/ and lib/) and LibTorch_VERSION. Makes the
# imported target `torch` and one for each of its libraries: `torch_cpu` and `c10`, with CUDA `torch_cuda` and
# `c10_cuda`. Where pip brought the CUDA runtime along, `LibTorch::cudart` is its library and headers.
# As a script it prints the folder:  cmake [-DPython3_EXECUTABLE=...] -P FindLibTorch.cmake
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_minimum_required(VERSION 3.24)
endif()
set(LibTorch_TRIED "2.11 to 2.15")

function(_libtorch_version dir result)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${dir}/include/${header}")
      file(STRINGS "${dir}/include/${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      list(TRANSFORM lines REPLACE ".* " "")
      if(lines)
        list(JOIN lines . version)
        set(${result} "${version}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  set(${result} 0 PARENT_SCOPE)
endfunction()

function(_libtorch_was_tried version result)
  string(REPLACE " to " ";" range "${LibTorch_TRIED}")
  list(GET range 0 first)
  list(GET range 1 last)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" minor "${version}")
  if(minor VERSION_GREATER_EQUAL first AND minor VERSION_LESS_EQUAL last)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# What the user names. Torch_DIR and PyTorch's own prefix point into share/cmake.
function(_libtorch_named result)
  set(dirs "")
  foreach(source IN ITEMS "${LibTorch_ROOT}" "${Torch_DIR}" "${CMAKE_PREFIX_PATH}" "$ENV{LibTorch_ROOT}"
                          "$ENV{Torch_DIR}" "$ENV{CMAKE_PREFIX_PATH}")
    string(REGEX REPLACE ":" ";" source "${source}")
    foreach(dir IN LISTS source)
      string(REGEX REPLACE "/share/cmake(/Torch)?/?$" "" dir "${dir}")
      list(APPEND dirs "${dir}")
    endforeach()
  endforeach()
  set(${result} "${dirs}" PARENT_SCOPE)
endfunction()

function(_libtorch_come_across result)
  set(python "${Python3_EXECUTABLE}")
  if(NOT python AND EXISTS "$ENV{VIRTUAL_ENV}/bin/python")
    set(python "$ENV{VIRTUAL_ENV}/bin/python")  # a wrapper of cmake may put another Python first in PATH
  elseif(NOT python)
    set(python python3)
  endif()
  execute_process(
    COMMAND "${python}" -c
            "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))"
    WORKING_DIRECTORY / OUTPUT_VARIABLE dirs OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(failed)
    set(dirs "")
  endif()
  foreach(project IN LISTS CMAKE_SOURCE_DIR PROJECT_SOURCE_DIR)
    file(GLOB inside "${project}/.venv/lib/python3*/site-packages/torch")
    list(APPEND dirs ${inside})
  endforeach()
  list(APPEND dirs ${LibTorch_HINT})
  set(${result} "${dirs}" PARENT_SCOPE)
endfunction()

# Sets LibTorch_DIR and LibTorch_VERSION, or LibTorch_PASSED_OVER to what was not good enough.
function(_libtorch_find)
  _libtorch_named(named)
  _libtorch_come_across(come_across)
  set(passed_over "")
  set(own_root "${LibTorch_ROOT}" "$ENV{LibTorch_ROOT}")
  foreach(dir IN LISTS named come_across)
    if(NOT EXISTS "${dir}/include/ATen/core/Tensor.h" OR NOT EXISTS "${dir}/lib/libtorch_cpu.so")
      if(dir AND dir IN_LIST own_root)
        string(APPEND passed_over "; LibTorch_ROOT ${dir} has no include/ATen/core/Tensor.h or lib/libtorch_cpu.so")
      endif()
      continue()
    endif()
    _libtorch_version("${dir}" version)
    _libtorch_was_tried("${version}" tried)
    if(NOT tried AND NOT dir IN_LIST named)
      string(APPEND passed_over "; passed over ${dir}: version ${version}, tried are ${LibTorch_TRIED}")
      continue()
    endif()
    if(NOT tried)
      message(WARNING "LibTorch ${version} in ${dir} was not tried with freeinit; tried are ${LibTorch_TRIED}")
    endif()
    set(LibTorch_DIR "${dir}" PARENT_SCOPE)
    set(LibTorch_VERSION "${version}" PARENT_SCOPE)
    return()
  endforeach()
  set(LibTorch_DIR "" PARENT_SCOPE)
  set(LibTorch_PASSED_OVER "${passed_over}" PARENT_SCOPE)
endfunction()

# A library that is built for the C++ library's old strings has none of the new ones' in its names.
function(_libtorch_has_new_strings result)
  file(STRINGS "${LibTorch_DIR}/lib/libc10.so" names REGEX "c10.*__cxx11" LIMIT_COUNT 1)
  if(names)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# The CUDA runtime lies beside pip's torch: nvidia/cu13, and Triton has the headers crt/ that this one lacks.
function(_libtorch_make_cudart)
  cmake_path(GET LibTorch_DIR PARENT_PATH packages)
  file(GLOB library "${packages}/nvidia/*/lib/libcudart.so.*")
  file(GLOB headers "${packages}/nvidia/*/include" "${packages}/triton/backends/nvidia/include")
  if(library)
    add_library(LibTorch::cudart SHARED IMPORTED)
    set_target_properties(LibTorch::cudart PROPERTIES IMPORTED_LOCATION "${library}")
    target_include_directories(LibTorch::cudart INTERFACE ${headers})
  endif()
endfunction()

function(_libtorch_make_targets)
  foreach(name torch torch_cpu torch_cuda c10 c10_cuda)
    if(EXISTS "${LibTorch_DIR}/lib/lib${name}.so")
      add_library(${name} SHARED IMPORTED)
      set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${LibTorch_DIR}/lib/lib${name}.so")
      list(APPEND files "${LibTorch_DIR}/lib/lib${name}.so")
    endif()
  endforeach()
  target_include_directories(torch INTERFACE
    "${LibTorch_DIR}/include" "${LibTorch_DIR}/include/torch/csrc/api/include")
  target_link_libraries(torch INTERFACE torch_cpu c10)
  # Operators register themselves when their library is loaded; no symbol of libtorch_cuda is asked for.
  list(JOIN files "," files)
  target_link_options(torch INTERFACE "LINKER:--push-state,--no-as-needed,${files},--pop-state")

  # LibTorch's own package takes all of its targets from us or none: so it can still be looked for later.
  set(theirs "${LibTorch_DIR}/share/cmake/Caffe2/Caffe2Targets.cmake")
  if(EXISTS "${theirs}")
    file(STRINGS "${theirs}" names REGEX "^foreach\\(_?[a-z_]*expected_?[tT]arget IN ITEMS " LIMIT_COUNT 1)
    string(REGEX REPLACE ".* IN ITEMS |\\)" "" names "${names}")
    separate_arguments(names)
    foreach(name IN LISTS names)
      if(NOT TARGET ${name})
        add_library(${name} INTERFACE IMPORTED)
        target_link_libraries(${name} INTERFACE torch)
      endif()
    endforeach()
  endif()
endfunction()

_libtorch_find()
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  if(NOT LibTorch_DIR)
    message(FATAL_ERROR "no LibTorch${LibTorch_PASSED_OVER}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${LibTorch_DIR}")
  return()
endif()

if(LibTorch_DIR)
  _libtorch_has_new_strings(LibTorch_HAS_NEW_STRINGS)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_DIR LibTorch_HAS_NEW_STRINGS VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE
  "set Torch_DIR or LibTorch_ROOT, or pip install torch, of ${LibTorch_TRIED}${LibTorch_PASSED_OVER}")
if(LibTorch_FOUND AND NOT TARGET torch)
  _libtorch_make_targets()
endif()
if(LibTorch_FOUND AND TARGET torch_cuda AND NOT TARGET LibTorch::cudart)
  _libtorch_make_cudart()
endif()
