# Files as arrays of the program. Included by the build, this defines bifocal_embed; run as a script, it writes one
# array: cmake -DINPUT=page.css -DOUTPUT=page.css.c -DNAME=bf_page_style -P BifocalEmbed.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" bytes HEX)
  string(LENGTH "${bytes}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  file(WRITE "${OUTPUT}" "extern const char ${NAME}[];\nconst char ${NAME}[${size} + 1] = {\n${bytes}0};\n")
  return()
endif()

set(BIFOCAL_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

# bifocal_embed(out file name): a source that defines `const char name[]`, the file's bytes with a NUL behind them.
function(bifocal_embed out file name)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${file}.c")
  add_custom_command(
    OUTPUT "${source}"
    COMMAND "${CMAKE_COMMAND}" "-DINPUT=${CMAKE_CURRENT_SOURCE_DIR}/${file}" "-DOUTPUT=${source}" -DNAME=${name}
            -P "${BIFOCAL_EMBED_SCRIPT}"
    DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}" "${BIFOCAL_EMBED_SCRIPT}"
    VERBATIM)
  set(${out} "${source}" PARENT_SCOPE)
endfunction()
