# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# What `cmake --install` puts where: libraries, headers, bpfring.pc, the CMake package.

include(CMakePackageConfigHelpers)

install(TARGETS ${libraries} EXPORT bpfring)
install(DIRECTORY include/bpfring DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
