# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# bpfring_build_flags(<target>): how this project compiles its own code. Nothing of it reaches the
# programs that link the library.

include_guard()

set(BPFRING_C_FLAGS -Wall -Wextra -Wconversion -Wshadow -fexceptions)
set(BPFRING_LINK_FLAGS "")

if(BPFRING_WERROR)
	list(APPEND BPFRING_C_FLAGS -Werror)
endif()
if(BPFRING_SANITIZE)
	list(APPEND BPFRING_C_FLAGS -fsanitize=${BPFRING_SANITIZE} -fno-omit-frame-pointer -g)
	list(APPEND BPFRING_LINK_FLAGS -fsanitize=${BPFRING_SANITIZE})
	if(BPFRING_SANITIZE MATCHES "undefined")
		list(APPEND BPFRING_C_FLAGS -fno-sanitize-recover=undefined)
	endif()
endif()
if(BPFRING_BUILD_FUZZERS)
	if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
		message(FATAL_ERROR
			"BPFRING_BUILD_FUZZERS needs clang: set CMAKE_C_COMPILER, "
			"or use --preset fuzz")
	endif()
	# Coverage feedback everywhere; only the fuzz targets themselves link -fsanitize=fuzzer.
	list(APPEND BPFRING_C_FLAGS -fsanitize=fuzzer-no-link)
	list(APPEND BPFRING_LINK_FLAGS -fsanitize=fuzzer-no-link)
endif()
if(BPFRING_COVERAGE)
	# Threads that count at the same time would leave wrong numbers, even negative ones.
	list(APPEND BPFRING_C_FLAGS --coverage -fprofile-update=atomic -O0 -g)
	list(APPEND BPFRING_LINK_FLAGS --coverage)
endif()

function(bpfring_build_flags target)
	set_target_properties(${target} PROPERTIES
		C_STANDARD 11 C_STANDARD_REQUIRED ON CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
	# Empty, so that a source that says "#define _GNU_SOURCE" says the same thing.
	target_compile_definitions(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE=>)
	target_compile_options(${target} PRIVATE ${BPFRING_C_FLAGS})
	target_link_options(${target} PRIVATE ${BPFRING_LINK_FLAGS})
endfunction()
