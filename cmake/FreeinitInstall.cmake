include(CMakePackageConfigHelpers)
set(FREEINIT_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/freeinit")

install(TARGETS freeinit freeinit_header_only freeinit_kernels freeinit_private_dependencies
        EXPORT freeinitTargets FILE_SET HEADERS)
install(EXPORT freeinitTargets NAMESPACE freeinit:: DESTINATION "${FREEINIT_PACKAGE_DIR}")
configure_package_config_file(cmake/freeinitConfig.cmake.in freeinitConfig.cmake
                              INSTALL_DESTINATION "${FREEINIT_PACKAGE_DIR}")
write_basic_package_version_file(freeinitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/freeinitConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/freeinitConfigVersion.cmake"
              cmake/FreeinitPkgConfig.cmake
        DESTINATION "${FREEINIT_PACKAGE_DIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
