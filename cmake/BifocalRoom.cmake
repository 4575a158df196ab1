# A room is a folder under src with a static library of its own. LINKS are the rooms it may enter; PRIVATE are the
# outside libraries that it owns. Include folders of outside libraries never leave their owner, so a wrong include
# fails to compile.

add_library(bifocal_flags INTERFACE)
target_include_directories(bifocal_flags INTERFACE "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/src"
                                                   "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(bifocal_flags INTERFACE _GNU_SOURCE)
target_compile_options(bifocal_flags INTERFACE -Wall -Wextra -Wshadow -Wpointer-arith -fno-math-errno -fno-trapping-math
                       $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wvla>)
if(BIFOCAL_WERROR)
  target_compile_options(bifocal_flags INTERFACE -Werror)
endif()
if(BIFOCAL_SANITIZE)
  # The check of C++ objects' types makes a pipe to ask the kernel what can be read: confined processes may not.
  target_compile_options(bifocal_flags INTERFACE -fsanitize=${BIFOCAL_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all
                                                 $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>)
  target_link_options(bifocal_flags INTERFACE -fsanitize=${BIFOCAL_SANITIZE})
endif()

# bifocal_room(name [SOURCES a.c ...] [LINKS base nn ...] [PRIVATE PkgConfig::X ...])
function(bifocal_room name)
  cmake_parse_arguments(room "" "" "SOURCES;LINKS;PRIVATE" ${ARGN})
  if(NOT room_SOURCES)
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/empty.c" "typedef int bf_${name}_is_empty;\n")
    set(room_SOURCES "${CMAKE_CURRENT_BINARY_DIR}/empty.c")
  endif()
  add_library(bf_${name} STATIC ${room_SOURCES})
  target_link_libraries(bf_${name} PUBLIC bifocal_flags PRIVATE ${room_PRIVATE})
  foreach(other IN LISTS room_LINKS)
    target_link_libraries(bf_${name} PUBLIC bf_${other})
  endforeach()
endfunction()

# bifocal_table(out list.def prefix): the sources that a table's rows name. A row is MACRO(file, name ...); its source
# is <prefix>_<file>.c beside the list.
function(bifocal_table out list prefix)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${list}")
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${list}")
    set(${out} "" PARENT_SCOPE)
    return()
  endif()
  file(STRINGS ${list} rows REGEX "^BF_[A-Z]+\\(")
  set(sources "")
  foreach(row IN LISTS rows)
    string(REGEX REPLACE "^BF_[A-Z]+\\(([a-z0-9_]+).*" "\\1" file "${row}")
    list(APPEND sources "${prefix}_${file}.c")
  endforeach()
  list(REMOVE_DUPLICATES sources)
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()
