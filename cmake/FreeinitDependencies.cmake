# What the library itself links. freeinitConfig.cmake finds the same packages for installed consumers.
find_package(Torch REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
include(FreeinitPkgConfig)

# Used by the bodies only: private to the compiled library, public to the header-only one.
add_library(freeinit_private_dependencies INTERFACE)
set_target_properties(freeinit_private_dependencies PROPERTIES EXPORT_NAME private_dependencies)
target_link_libraries(freeinit_private_dependencies INTERFACE
  freeinit_kernels Eigen3::Eigen nlohmann_json::nlohmann_json PkgConfig::FREEINIT_TEXT PkgConfig::FREEINIT_FFMPEG)
