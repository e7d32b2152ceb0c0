# Installs the built library, moves the installation elsewhere, and builds other projects on it.
#   cmake -DPART=installed|consumers -DSOURCE=... -DBUILD=... -DWORK=... [-DFORWARD=...] [-DSHARED=ON] -P run.cmake
# PART: `installed` compiles nothing; `consumers` comes after it.
# FORWARD: settings of this build that the other projects need, as -D arguments joined by "|".
# SHARED: the library is a shared one.

string(REPLACE "|" ";" forward "${FORWARD}")

function(run name)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${name} failed (${result}):\n${text}")
  endif()
  message(STATUS "${name}: done")
  set(output "${text}" PARENT_SCOPE)
endfunction()

function(install_and_move)
  run("install" ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${WORK}/first")
  file(RENAME "${WORK}/first" "${WORK}/prefix")
  file(GLOB_RECURSE scripts "${WORK}/prefix/*.cmake")
  if(NOT scripts)
    message(FATAL_ERROR "the installation holds no CMake package")
  endif()
  foreach(script IN LISTS scripts)
    file(READ "${script}" text)
    string(REGEX REPLACE "(HINTS|LibTorch_HINT) \"[^\"]*\"" "" text "${text}")  # looked at, not needed
    foreach(path "${SOURCE}" "${BUILD}" "${WORK}")
      # Where a path begins and ends: /freeinit is also a part of others.
      string(REGEX REPLACE "([][+.*()^$?|\\])" "\\\\\\1" quoted "${path}")
      if(text MATCHES "(^|[^A-Za-z0-9_./}-]|-I|-L|-isystem)${quoted}($|[^A-Za-z0-9_.-])")
        message(FATAL_ERROR "${script} names the folder ${path}: the package cannot be moved")
      endif()
    endforeach()
  endforeach()
endfunction()

# No variable says where LibTorch or our own library is.
function(run_installed_programs)
  run("installed command" env -i "${WORK}/prefix/bin/freeinit" filter --shape 2 4 4)
  run("installed demo bundle" env -i "${WORK}/prefix/bin/freeinit" tokenize "a red circle")
  if(NOT EXISTS "${WORK}/prefix/share/freeinit/python/freeinit_ctypes.py")
    message(FATAL_ERROR "the installation has no file for Python")
  endif()
  foreach(example any_denoiser measure)
    run("installed example ${example}" env -i OMP_NUM_THREADS=1
        "${WORK}/prefix/libexec/freeinit/example_${example}")
  endforeach()
endfunction()

# find(COMPONENTS EXPECTED [ENVIRONMENT...]): without a word but what the project itself says.
function(find components expected)
  file(REMOVE_RECURSE "${WORK}/find")
  run("find '${components}' ${ARGN}" ${CMAKE_COMMAND} -E env ${ARGN}
      ${CMAKE_COMMAND} --no-warn-unused-cli -S "${SOURCE}/tests/packaging/find" -B "${WORK}/find" ${forward}
      "-DCMAKE_PREFIX_PATH=${WORK}/prefix" "-DCOMPONENTS=${components}")
  if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "expected '${expected}', got:\n${output}")
  endif()
  if(output MATCHES "-- not found" AND output MATCHES "CMake (Warning|Error)|Could NOT|No package")
    message(FATAL_ERROR "not quiet:\n${output}")
  endif()
endfunction()

# Where the libraries of the bodies have no -dev packages, a shared library is still found.
function(find_components)
  set(without_dev PKG_CONFIG_LIBDIR=/nowhere PKG_CONFIG_PATH=)
  find("" "-- found")
  find("compiled header_only header_only_backends" "-- found")
  find("other" "not found: component 'other': unknown; expected one of compiled, header_only")
  find("c" "-- found")
  find("header_only" "not found: header_only needs PkgConfig::" ${without_dev})
  if(forward MATCHES "OpenVINO_DIR")
    set(with_openvino "${forward}")
    list(FILTER forward EXCLUDE REGEX "OpenVINO_DIR")
    find("compiled header_only_backends" "-- found")  # where it was when the library was built
    set(forward "${with_openvino}" -DCMAKE_DISABLE_FIND_PACKAGE_OpenVINO=ON)
    find("header_only" "-- found")
    find("header_only_backends"
         "not found: header_only_backends needs openvino::runtime, which is missing: .*OpenVINO_DIR")
  endif()
  if(SHARED)
    find("compiled" "-- found" ${without_dev})
    find("" "-- found" ${without_dev})
  else()
    find("compiled" "not found: .*static library" ${without_dev})
  endif()
endfunction()

# A compiled library goes with the LibTorch that it was built with; headers go with every one.
function(find_another_libtorch)
  set(other "${WORK}/another/torch")
  foreach(file include/ATen/core/Tensor.h lib/libtorch.so lib/libtorch_cpu.so)
    file(WRITE "${other}/${file}" "")
  endforeach()
  file(WRITE "${other}/lib/libc10.so" "_ZN3c10Error__cxx11")
  file(WRITE "${other}/include/torch/headeronly/version.h" "#define TORCH_VERSION_MAJOR 2\n\
#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 9\n")
  list(APPEND forward "-DLibTorch_ROOT=${other}")
  find("" "not found: the library was built with LibTorch .*2.11.9")
  find("header_only" "-- found")
endfunction()

# A first build after scripts/setup.sh, which installs no GoogleTest.
function(configure_without_googletest)
  run("configure without GoogleTest" ${CMAKE_COMMAND} -S "${SOURCE}" -B "${WORK}/no_googletest" ${forward}
      -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON)
  if(NOT output MATCHES "no tests, as GoogleTest is not installed")
    message(FATAL_ERROR "nothing said of the tests:\n${output}")
  endif()
endfunction()

# What cpack makes, unpacked elsewhere: no package of the system is touched.
function(make_debian_packages)
  find_program(dpkg_deb dpkg-deb)
  find_program(shlibdeps dpkg-shlibdeps)
  if(NOT dpkg_deb OR NOT shlibdeps)
    message(STATUS "no Debian packages: dpkg-deb and dpkg-shlibdeps are not here")
    return()
  endif()
  run("cpack" ${CMAKE_COMMAND} -E chdir "${BUILD}" ${CMAKE_CPACK_COMMAND} -B "${WORK}/packages")
  file(GLOB packages "${WORK}/packages/*.deb")
  foreach(package IN LISTS packages)
    run("unpack ${package}" ${dpkg_deb} -x "${package}" "${WORK}/unpacked")
    run("control file" ${dpkg_deb} -f "${package}" Package Depends Description)
    string(APPEND control "${output}")
  endforeach()
  foreach(expected "Package: freeinit\n" "Package: libfreeinit-dev\n" "Package: libfreeinit-c1\n" "libavformat[0-9]+" "libavformat-dev")
    if(NOT control MATCHES "${expected}")
      message(FATAL_ERROR "no '${expected}' in what the packages say:\n${control}")
    endif()
  endforeach()
  if(control MATCHES "libtorch[0-9]")
    message(FATAL_ERROR "the packages ask for a LibTorch of the system:\n${control}")
  endif()
  run("packaged command" env -i "${WORK}/unpacked/usr/bin/freeinit" tokenize "a red circle")
endfunction()

function(write_every_header folder)
  file(GLOB_RECURSE headers RELATIVE "${WORK}/prefix/include" "${WORK}/prefix/include/*.hpp")
  list(FILTER headers EXCLUDE REGEX "/impl/")
  list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>")
  list(JOIN headers "\n" text)
  file(WRITE "${folder}/every_header.hpp" "#pragma once\n${text}\n")
endfunction()

function(build_consumer)
  write_every_header("${WORK}/generated")
  run("configure the consumer" ${CMAKE_COMMAND} -S "${SOURCE}/tests/packaging/consumer"
      -B "${WORK}/consumer" ${forward} "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
      "-DFREEINIT_EXAMPLES=${SOURCE}/examples" "-DGENERATED=${WORK}/generated")
  run("build the consumer" ${CMAKE_COMMAND} --build "${WORK}/consumer")
  run("consumer of the compiled library" "${WORK}/consumer/consumer_freeinit")
  set(compiled "${output}")
  run("consumer of the headers" "${WORK}/consumer/consumer_header_only")
  if(NOT compiled STREQUAL output OR compiled STREQUAL "")
    message(FATAL_ERROR "the two targets differ: '${compiled}' and '${output}'")
  endif()
  message(STATUS "both print ${compiled}")
  run("example embed" "${WORK}/consumer/embed/embed")
  if(NOT output MATCHES "finished with 3 complete passes")
    message(FATAL_ERROR "example embed printed:\n${output}")
  endif()
endfunction()

# Without CMake: the flags of pkg-config alone.
function(build_by_pkg_config)
  file(GLOB_RECURSE pc "${WORK}/prefix/*/freeinit.pc")
  cmake_path(GET pc PARENT_PATH folder)
  set(pkg_config env "PKG_CONFIG_PATH=${folder}:$ENV{PKG_CONFIG_PATH}" pkg-config freeinit)
  run("pkg-config" ${pkg_config} --variable=libtorch)
  string(STRIP "${output}" libtorch)
  run("pkg-config" ${pkg_config} --cflags --libs)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run("build by pkg-config" c++ -std=c++20 "${SOURCE}/tests/packaging/subdirectory/main.cpp" ${flags}
      "-Wl,-rpath,${libtorch}/lib:${folder}/.." -o "${WORK}/by_pkg_config")
  run("program by pkg-config" "${WORK}/by_pkg_config")
endfunction()

# A project in C, without CMake's package of LibTorch, and a compiler call that pkg-config completes.
function(build_c_consumers)
  run("configure the consumer in C" ${CMAKE_COMMAND} -S "${SOURCE}/examples/12_c" -B "${WORK}/c"
      -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
  run("build the consumer in C" ${CMAKE_COMMAND} --build "${WORK}/c")
  file(GLOB_RECURSE pc "${WORK}/prefix/*/freeinit_c.pc")
  cmake_path(GET pc PARENT_PATH pc_folder)
  run("build by pkg-config" sh -ec "cc -o \"$1/by_pc\" \"$2/examples/12_c/main.c\" \
$(PKG_CONFIG_PATH=\"$3\" pkg-config --cflags --libs freeinit_c) \
-Wl,-rpath,\"$(PKG_CONFIG_PATH=\"$3\" pkg-config --variable=libdir freeinit_c)\"" sh "${WORK}" "${SOURCE}" "${pc_folder}")
  foreach(program c/text_to_video_c by_pc)
    file(REMOVE_RECURSE "${WORK}/ppm")
    file(MAKE_DIRECTORY "${WORK}/ppm")
    run("${program}" env -i OMP_NUM_THREADS=1 "${WORK}/${program}" "${SOURCE}/models/shapes" "a circle" "${WORK}/ppm")
    if(NOT EXISTS "${WORK}/ppm/frame_0015.ppm")
      message(FATAL_ERROR "${program} wrote no frames")
    endif()
  endforeach()
endfunction()

function(build_subdirectory)
  run("configure the parent project" ${CMAKE_COMMAND} -S "${SOURCE}/tests/packaging/subdirectory"
      -B "${WORK}/subdirectory" ${forward} "-DFREEINIT_SOURCE=${SOURCE}")
  run("build the parent project" ${CMAKE_COMMAND} --build "${WORK}/subdirectory" --target inside)
  run("program of the parent project" "${WORK}/subdirectory/inside")
endfunction()

if(PART STREQUAL "installed")
  file(REMOVE_RECURSE "${WORK}")
  install_and_move()
  run_installed_programs()
  find_components()
  find_another_libtorch()
  configure_without_googletest()
  make_debian_packages()
else()
  build_consumer()
  build_c_consumers()
  build_subdirectory()
  build_by_pkg_config()
endif()
