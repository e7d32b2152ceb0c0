# Further runtimes for the UNet; TorchScript is always there. Off by default: they are dependencies.
option(FREEINIT_WITH_OPENVINO "Run UNets converted for OpenVINO (pip install openvino, or a system one)" OFF)
option(FREEINIT_WITH_CUDA_GRAPHS "Record UNet calls on CUDA as graphs; needs a LibTorch with CUDA" OFF)

set(definitions "")
set(includes "")
# A backend's library is linked; its headers are system headers, since they do not keep our warnings.
macro(freeinit_use_backend_library target)
  list(APPEND includes "-isystem$<JOIN:$<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>,;-isystem>")
  target_link_libraries(freeinit PRIVATE $<LINK_ONLY:${target}>)
  target_link_libraries(freeinit_header_only INTERFACE ${target})
endmacro()

if(FREEINIT_WITH_OPENVINO)
  find_package(OpenVINO REQUIRED COMPONENTS Runtime)
  list(APPEND definitions FREEINIT_WITH_OPENVINO=1)
  freeinit_use_backend_library(openvino::runtime)
endif()
if(FREEINIT_WITH_CUDA_GRAPHS)
  if(NOT TARGET LibTorch::cudart)
    message(FATAL_ERROR "FREEINIT_WITH_CUDA_GRAPHS: ${LibTorch_DIR} has no CUDA runtime beside it; expected "
                        "pip's torch with CUDA, or OFF")
  endif()
  list(APPEND definitions FREEINIT_WITH_CUDA_GRAPHS=1)
  freeinit_use_backend_library(LibTorch::cudart)
endif()
# One file of the compiled library knows of them.
set_source_files_properties(src/networks.cpp PROPERTIES
  COMPILE_DEFINITIONS "${definitions}" COMPILE_OPTIONS "${includes}")
target_compile_definitions(freeinit_header_only INTERFACE ${definitions})
