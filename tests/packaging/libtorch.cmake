# Which LibTorch cmake/FindLibTorch.cmake takes, on made-up ones.
#   cmake -DSOURCE=... -DWORK=... -P libtorch.cmake
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}/empty")

# A folder with the form of pip's `torch`, and a program with the answer of a Python that has it.
function(make_libtorch name minor)
  set(dir "${WORK}/${name}/torch")
  file(WRITE "${dir}/include/ATen/core/Tensor.h" "")
  file(WRITE "${dir}/include/torch/headeronly/version.h" "#define TORCH_VERSION_MAJOR 2\n\n\
#define TORCH_VERSION_MINOR ${minor}\n\n#define TORCH_VERSION_PATCH 1\n\n#define TORCH_VERSION \"2\"\n")
  foreach(library torch torch_cpu torch_cuda c10 c10_cuda)
    file(WRITE "${dir}/lib/lib${library}.so" "_ZN3c10Error__cxx11")
  endforeach()
  file(WRITE "${WORK}/${name}/python" "#!/bin/sh\necho '${dir}'\n")
  file(CHMOD "${WORK}/${name}/python" PERMISSIONS OWNER_READ OWNER_EXECUTE)
endfunction()

# find(EXPECTED ENVIRONMENT... [-- ARGUMENTS...]): what the module prints, from a folder without .venv.
function(find expected environment)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env --unset=LibTorch_ROOT --unset=Torch_DIR --unset=CMAKE_PREFIX_PATH
            ${environment} ${CMAKE_COMMAND} ${ARGN} -P "${SOURCE}/cmake/FindLibTorch.cmake"
    WORKING_DIRECTORY "${WORK}/empty" OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  if(NOT text MATCHES "${expected}")
    message(SEND_ERROR "${environment} ${ARGN}\nexpected ${expected}\ngot ${text}")
  endif()
endfunction()

make_libtorch(tried 11)
file(MAKE_DIRECTORY "${WORK}/environment/bin")
configure_file("${WORK}/tried/python" "${WORK}/environment/bin/python" COPYONLY)
make_libtorch(old 10)
make_libtorch(new 16)
set(nobody "-DPython3_EXECUTABLE=${WORK}/none")
find("^${WORK}/tried/torch $" "" "-DPython3_EXECUTABLE=${WORK}/tried/python")
find("^${WORK}/tried/torch $" "LibTorch_ROOT=${WORK}/tried/torch" ${nobody})
find("^${WORK}/tried/torch $" "Torch_DIR=${WORK}/tried/torch/share/cmake/Torch" ${nobody})
find("^${WORK}/tried/torch $" "CMAKE_PREFIX_PATH=${WORK}/none:${WORK}/tried/torch/share/cmake" ${nobody})
find("^${WORK}/tried/torch $" "LibTorch_ROOT=${WORK}/tried/torch" "-DPython3_EXECUTABLE=${WORK}/old/python")
find("^${WORK}/tried/torch $" "VIRTUAL_ENV=${WORK}/environment")
find("^${WORK}/tried/torch $" "" ${nobody} "-DLibTorch_HINT=${WORK}/tried/torch")
find("no LibTorch" "" ${nobody})
find("no LibTorch; LibTorch_ROOT ${WORK}/none has no include" "LibTorch_ROOT=${WORK}/none" ${nobody})
foreach(other old new)
  find("no LibTorch; passed over ${WORK}/${other}/torch: version 2.1.\\.1" ""
       "-DPython3_EXECUTABLE=${WORK}/${other}/python")
  find("CMake Warning.* was not tried .*${WORK}/${other}/torch $" "LibTorch_ROOT=${WORK}/${other}/torch" ${nobody})
endforeach()

# One that is built for CUDA, where there is no toolkit: its libraries are kept.
file(MAKE_DIRECTORY "${WORK}/tried/nvidia/cu13/include" "${WORK}/tried/triton/backends/nvidia/include")
file(WRITE "${WORK}/tried/nvidia/cu13/lib/libcudart.so.13" "")
file(WRITE "${WORK}/project/CMakeLists.txt" "cmake_minimum_required(VERSION 3.24)\nproject(p LANGUAGES CXX)\n\
list(APPEND CMAKE_MODULE_PATH \"${SOURCE}/cmake\")\nset(CMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit ON)\n\
find_package(LibTorch REQUIRED)\n\
get_target_property(options torch INTERFACE_LINK_OPTIONS)\n\
get_target_property(headers LibTorch::cudart INTERFACE_INCLUDE_DIRECTORIES)\n\
message(STATUS \"\${LibTorch_VERSION} \${options} \${headers}\")\n")
execute_process(
  COMMAND ${CMAKE_COMMAND} -S "${WORK}/project" -B "${WORK}/build" "-DLibTorch_ROOT=${WORK}/tried/torch"
  RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(failed OR NOT text MATCHES "2\\.11\\.1 .*no-as-needed.*libtorch_cuda.so.*/nvidia/cu13/include.*/triton/")
  message(SEND_ERROR "a LibTorch with CUDA:\n${text}")
endif()
