# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# What `cmake --install` puts where: libraries, headers, pkg-config modules, the CMake package,
# bpfring-run.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bpfring)

install(TARGETS ${libraries} EXPORT bpfring)
install(DIRECTORY include/bpfring DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN "*.h")

# pkg-config modules. `cmake --install --prefix` may still change the prefix, so that is filled in
# only then. An absolute CMAKE_INSTALL_LIBDIR or _INCLUDEDIR replaces ${prefix} in
# cmake_path(APPEND).
set(pc_prefix "@CMAKE_INSTALL_PREFIX@")
set(pc_libdir "\${prefix}")
set(pc_includedir "\${prefix}")
cmake_path(APPEND pc_libdir "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
function(bpfring_install_module name)
	set(pc_file ${PROJECT_BINARY_DIR}/${name}.pc)
	configure_file(${name}.pc.in ${pc_file}.in @ONLY)
	install(CODE "configure_file(\"${pc_file}.in\" \"${pc_file}\" @ONLY)")
	install(FILES ${pc_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
bpfring_install_module(bpfring)

if(BPFRING_BUILD_OBSERVE)
	install(TARGETS ${observe_libraries} EXPORT bpfring)
	bpfring_install_module(bpfring-observe)
endif()

# libbpfring-compat.so stands beside the libraries, so that LD_PRELOAD=libbpfring-compat.so finds
# it.
if(BPFRING_BUILD_COMPAT)
	install(TARGETS bpfring_compat EXPORT bpfring)
	install(TARGETS bpfring_preload LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
	install(TARGETS bpfring-run)
	bpfring_install_module(bpfring-compat)
endif()

# find_package(bpfring). Until 1.0 a minor version may change the interface.
configure_package_config_file(cmake/bpfring-config.cmake.in
	${PROJECT_BINARY_DIR}/bpfring-config.cmake
	INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bpfring-config-version.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES
	${PROJECT_BINARY_DIR}/bpfring-config.cmake
	${PROJECT_BINARY_DIR}/bpfring-config-version.cmake
	DESTINATION ${package_dir})
install(EXPORT bpfring FILE bpfring-targets.cmake NAMESPACE bpfring:: DESTINATION ${package_dir})
