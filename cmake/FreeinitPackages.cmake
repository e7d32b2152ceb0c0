# Debian packages, by `cpack` or scripts/package.sh: the command with the demo model, what programs are built
# with, the C interface. LibTorch is in none: Debian's is too old, and users have their own (docs/command.md).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME freeinit)
set(CPACK_PACKAGE_CONTACT "The freeinit authors")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL command development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
# Of what our packages do not bring along, LibTorch is in no package.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${LibTorch_DIR}/lib")

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME freeinit)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS "python3-pip")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION
"The command. Runs AnimateDiff, ModelScope and VideoCrafter with FreeInit. A small demo model is included.
LibTorch ${LibTorch_VERSION} is needed beside it: that of pip's torch, or a folder that
FREEINIT_LIBTORCH names.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libfreeinit-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
string(CONCAT CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "pkg-config, libeigen3-dev, nlohmann-json3-dev, libpcre2-dev, libutf8proc-dev, libavformat-dev, "
  "libavcodec-dev, libavfilter-dev, libavutil-dev, libswscale-dev, libhwy-dev")
if(FREEINIT_USES_WEBP)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libwebp-dev")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cmake (>= 3.24), freeinit")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"The library, its headers, its CMake package and its pkg-config file. LibTorch ${LibTorch_VERSION} is needed beside it.")

# package_library(COMPONENT PACKAGE DESCRIPTION): a shared library, which the other packages then need.
macro(package_library component package description)
  string(TOUPPER ${component} part)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${part}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${part}_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_${part}_PACKAGE_SHLIBDEPS ON)
  set(CPACK_COMPONENT_${part}_DESCRIPTION "${description} LibTorch ${LibTorch_VERSION} is needed beside it.")
  string(PREPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${package} (= ${PROJECT_VERSION}), ")
endmacro()
if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}") # the library, which the others need
  set(library libfreeinit${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  package_library(library ${library} "The shared library.")
  set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
endif()
if(TARGET freeinit_c)
  get_target_property(c_major freeinit_c SOVERSION)
  package_library(c_library libfreeinit-c${c_major} "The C interface.")
  if(BUILD_SHARED_LIBS)
    set(CPACK_DEBIAN_C_LIBRARY_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
  endif()
endif()
include(CPack)
