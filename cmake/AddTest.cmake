# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# bpfring_add_test(<name> SOURCES <file>... [LABELS <label>...] [BPF <target>...]
#                  [LIBRARIES <library>...] [INCLUDES <dir>...] [ARGS <argument>...]
#                  [TIMEOUT <seconds>] [SERIAL])
#
# One CMocka program, one ctest test. It links the static library and may include headers of src/,
# so that it reaches what the shared library hides. Exit status 77 is a skip; say why on stdout.
# SERIAL keeps other tests from running beside it. TIMEOUT is for tests that take minutes by design.

include_guard()

pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_package(Threads REQUIRED)

function(bpfring_add_test name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT"
		"SOURCES;LABELS;BPF;LIBRARIES;INCLUDES;ARGS")
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT ${BPFRING_TEST_TIMEOUT})
	endif()
	add_executable(${name} ${arg_SOURCES})
	target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${arg_INCLUDES})
	target_link_libraries(${name} PRIVATE
		bpfring::static ${arg_BPF} ${arg_LIBRARIES} test_common PkgConfig::CMOCKA
		Threads::Threads)
	bpfring_build_flags(${name})
	add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
	set_tests_properties(${name} PROPERTIES
		LABELS "${arg_LABELS}"
		SKIP_RETURN_CODE 77
		TIMEOUT ${arg_TIMEOUT}
		RUN_SERIAL ${arg_SERIAL})
endfunction()
