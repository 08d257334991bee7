# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# bpfring_bpf_object(<target> <file>.bpf.c [INCLUDES <dir>...])
#
# Compiles a BPF program and makes its skeleton. What links <target> can include <file>.skel.h, with
# struct <file>_bpf in it, and links libbpf. Nothing of the build machine's kernel is looked at.

include_guard()

# Any clang that can write BTF with type tags will do; the first is the one that is tested.
find_program(BPFRING_BPF_CLANG NAMES clang-19 clang-22 clang-21 clang-20 clang-18 clang-17 clang-16
	clang-15 clang DOC "clang >= 15, for BPF programs")
find_program(BPFRING_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin DOC "bpftool, for skeletons")
if(NOT BPFRING_BPF_CLANG OR NOT BPFRING_BPFTOOL)
	message(FATAL_ERROR "BPF programs need clang >= 15 and bpftool (Debian: clang-19 bpftool)")
endif()
execute_process(COMMAND ${BPFRING_BPF_CLANG} -dumpversion
	OUTPUT_VARIABLE bpf_clang_version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(bpf_clang_version VERSION_LESS 15)
	message(FATAL_ERROR
		"${BPFRING_BPF_CLANG} is version ${bpf_clang_version}; BPF programs need >= 15")
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
	set(bpf_arch x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
	set(bpf_arch arm64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(ppc|powerpc)")
	set(bpf_arch powerpc)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^riscv")
	set(bpf_arch riscv)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^s390")
	set(bpf_arch s390)
else()
	set(bpf_arch ${CMAKE_SYSTEM_PROCESSOR})
endif()

set(BPFRING_BPF_FLAGS --target=bpf -mcpu=v2 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
	-D__TARGET_ARCH_${bpf_arch})
# <asm/types.h>: clang knows no library architecture for the target bpf.
if(CMAKE_LIBRARY_ARCHITECTURE)
	list(APPEND BPFRING_BPF_FLAGS -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()

function(bpfring_bpf_object target source)
	cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "INCLUDES")
	cmake_path(ABSOLUTE_PATH source)
	cmake_path(GET source FILENAME file)
	string(REGEX REPLACE "\\.bpf\\.c$" "" name ${file})
	string(MAKE_C_IDENTIFIER ${name} identifier)
	set(dir ${CMAKE_CURRENT_BINARY_DIR}/${target}.bpf)
	set(object ${dir}/${name}.bpf.o)
	set(skeleton ${dir}/${name}.skel.h)
	set(includes ${arg_INCLUDES} ${LIBBPF_INCLUDE_DIRS})
	list(TRANSFORM includes PREPEND -I)
	file(MAKE_DIRECTORY ${dir})

	add_custom_command(OUTPUT ${object}
		COMMAND ${BPFRING_BPF_CLANG} ${BPFRING_BPF_FLAGS} ${includes}
			-MD -MT ${object} -MF ${object}.d -c ${source} -o ${object}.dwarf
		# drops the debug information that only a debugger would read
		COMMAND ${BPFRING_BPFTOOL} gen object ${object} ${object}.dwarf
		DEPENDS ${source}
		DEPFILE ${object}.d
		COMMENT "Building BPF object ${name}.bpf.o"
		VERBATIM)
	add_custom_command(OUTPUT ${skeleton}
		COMMAND ${BPFRING_BPFTOOL} gen skeleton ${object} name ${identifier}_bpf
			> ${skeleton}
		DEPENDS ${object}
		COMMENT "Generating ${name}.skel.h"
		VERBATIM)

	add_custom_target(${target}_skeleton DEPENDS ${skeleton})
	add_library(${target} INTERFACE)
	add_dependencies(${target} ${target}_skeleton)
	target_include_directories(${target} SYSTEM INTERFACE ${dir})
	target_link_libraries(${target} INTERFACE PkgConfig::LIBBPF)
endfunction()
