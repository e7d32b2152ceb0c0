include(CMakePackageConfigHelpers)
set(FREEINIT_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/freeinit")
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)  # the others: command, library (a shared one)

# What is installed into DIR finds our library wherever the prefix is moved to, and LibTorch where it was.
function(freeinit_set_run_path target dir)
  file(RELATIVE_PATH from_dir "${CMAKE_INSTALL_PREFIX}/${dir}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(paths "$ORIGIN/${from_dir}" "${FREEINIT_LIBTORCH_LIBRARIES}")
  foreach(library IN LISTS FREEINIT_BACKEND_LIBRARIES)
    list(APPEND paths "$<TARGET_FILE_DIR:${library}>")
  endforeach()
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "${paths}")
endfunction()

function(freeinit_install_program target dir component)
  freeinit_set_run_path(${target} "${dir}")
  install(TARGETS ${target} RUNTIME DESTINATION "${dir}" COMPONENT ${component})
endfunction()

# One file of targets a component, and one of what they share.
freeinit_set_run_path(freeinit "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS freeinit EXPORT freeinitCompiledTargets
        LIBRARY COMPONENT library NAMELINK_COMPONENT development FILE_SET HEADERS)
install(TARGETS freeinit_header_only EXPORT freeinitHeaderOnlyTargets FILE_SET HEADERS)
install(TARGETS freeinit_header_only_backends EXPORT freeinitHeaderOnlyBackendsTargets)
install(TARGETS freeinit_private_dependencies freeinit_kernels EXPORT freeinitDependenciesTargets
        FILE_SET HEADERS)
foreach(part Compiled HeaderOnly HeaderOnlyBackends Dependencies)
  install(EXPORT freeinit${part}Targets NAMESPACE freeinit:: DESTINATION "${FREEINIT_PACKAGE_DIR}")
endforeach()

configure_package_config_file(cmake/freeinitConfig.cmake.in freeinitConfig.cmake
                              INSTALL_DESTINATION "${FREEINIT_PACKAGE_DIR}")
write_basic_package_version_file(freeinitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/freeinitConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/freeinitConfigVersion.cmake"
              cmake/FindLibTorch.cmake cmake/FreeinitDependencies.cmake
        DESTINATION "${FREEINIT_PACKAGE_DIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT command)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/libfreeinit-dev")
include(FreeinitPkgConfig)
