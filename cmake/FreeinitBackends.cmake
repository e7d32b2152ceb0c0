# What runs UNets beside TorchScript, which is always there. A backend that is off is an empty unit and a row
# without a loader in the table (impl/networks/backends/unet_backend_inl.hpp).
option(FREEINIT_WITH_WINOGRAD "Fewer multiplications in convolutions on a CPU" ON)
option(FREEINIT_WITH_OPENVINO "Run UNets converted for OpenVINO (pip install openvino, or a system one)" OFF)
option(FREEINIT_WITH_CUDA_GRAPHS "Record UNet calls on CUDA as graphs; needs a LibTorch with CUDA" OFF)

# Headers alone bring TorchScript; with this target in place of it, the backends of this build too.
add_library(freeinit_header_only_backends INTERFACE)
add_library(freeinit::header_only_backends ALIAS freeinit_header_only_backends)
set_target_properties(freeinit_header_only_backends PROPERTIES EXPORT_NAME header_only_backends)
target_link_libraries(freeinit_header_only_backends INTERFACE freeinit_header_only)

# A backend's library is linked; its headers are system headers, since they do not keep our warnings.
function(freeinit_use_backend_library source library)
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
    "-isystem$<JOIN:$<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>,;-isystem>")
  target_link_libraries(freeinit PRIVATE $<LINK_ONLY:${library}>)
  target_link_libraries(freeinit_header_only_backends INTERFACE ${library})
  list(APPEND FREEINIT_BACKEND_LIBRARIES ${library})
  set(FREEINIT_BACKEND_LIBRARIES "${FREEINIT_BACKEND_LIBRARIES}" PARENT_SCOPE)
endfunction()
set(FREEINIT_BACKEND_LIBRARIES "")

foreach(name WINOGRAD OPENVINO CUDA_GRAPHS)
  if(FREEINIT_WITH_${name})
    target_compile_definitions(freeinit PRIVATE FREEINIT_WITH_${name}=1)
    target_compile_definitions(freeinit_header_only_backends INTERFACE FREEINIT_WITH_${name}=1)
  endif()
endforeach()
if(FREEINIT_WITH_WINOGRAD)
  target_link_libraries(freeinit PRIVATE freeinit_kernels)
  target_link_libraries(freeinit_header_only_backends INTERFACE freeinit_kernels)
endif()
if(FREEINIT_WITH_OPENVINO)
  find_package(OpenVINO REQUIRED COMPONENTS Runtime)
  freeinit_use_backend_library(src/backends/openvino.cpp openvino::runtime)
endif()
if(FREEINIT_WITH_CUDA_GRAPHS)
  if(NOT TARGET LibTorch::cudart)
    message(FATAL_ERROR "FREEINIT_WITH_CUDA_GRAPHS: ${LibTorch_DIR} has no CUDA runtime beside it; expected "
                        "pip's torch with CUDA, or OFF")
  endif()
  freeinit_use_backend_library(src/backends/cuda_graphs.cpp LibTorch::cudart)
endif()
