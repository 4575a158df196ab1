# The libraries that bifocal stands on, each as an imported target with one owner (src/CMakeLists.txt). What is absent
# is named all at once, with the Debian package that brings it.

find_package(PkgConfig QUIET)
find_package(Threads REQUIRED)
set(bifocal_missing "")

function(bifocal_pkg target module package)
  if(PkgConfig_FOUND)
    pkg_check_modules(${target} QUIET IMPORTED_TARGET ${module})
  endif()
  if(NOT TARGET PkgConfig::${target})
    set(bifocal_missing "${bifocal_missing}\n  ${package} (pkg-config module ${module})" PARENT_SCOPE)
  endif()
endfunction()

if(NOT PkgConfig_FOUND)
  string(APPEND bifocal_missing "\n  pkg-config")
endif()
bifocal_pkg(OPENBLAS openblas libopenblas-pthread-dev)
bifocal_pkg(HDF5 hdf5 libhdf5-dev)
bifocal_pkg(OPENJP2 libopenjp2 libopenjp2-7-dev)
bifocal_pkg(CHARLS charls libcharls-dev)
bifocal_pkg(JANSSON jansson libjansson-dev)
bifocal_pkg(PROTOBUF_C libprotobuf-c libprotobuf-c-dev)
bifocal_pkg(SQLITE sqlite3 libsqlite3-dev)
bifocal_pkg(PNG libpng libpng-dev)
bifocal_pkg(ZIP libzip libzip-dev)
bifocal_pkg(CRYPTO libcrypto libssl-dev)
bifocal_pkg(CURL libcurl libcurl4-openssl-dev)

# libcyaml's Debian package has a pkg-config file, and no CMake one; it names libyaml to the linker and does not bring it.
bifocal_pkg(CYAML libcyaml libcyaml-dev)
bifocal_pkg(YAML yaml-0.1 libyaml-dev)
find_program(BIFOCAL_PROTOC_C protoc-c)
if(NOT BIFOCAL_PROTOC_C)
  string(APPEND bifocal_missing "\n  protobuf-c-compiler (program protoc-c)")
endif()
if(BIFOCAL_TESTS)
  bifocal_pkg(CMOCKA cmocka libcmocka-dev)
  bifocal_pkg(ZLIB zlib zlib1g-dev)
endif()

# Debian's dcmtk.pc asks for modules that its package does not bring: the CMake configuration works.
find_package(DCMTK CONFIG QUIET)
if(NOT DCMTK_FOUND)
  string(APPEND bifocal_missing "\n  libdcmtk-dev (CMake package DCMTK)")
endif()
find_package(ITK 5 QUIET COMPONENTS ITKCommon ITKImageGrid ITKImageFunction ITKThresholding ITKConnectedComponents ITKSmoothing)
if(NOT ITK_FOUND)
  string(APPEND bifocal_missing "\n  libinsighttoolkit5-dev (CMake package ITK 5)")
endif()

if(bifocal_missing)
  message(FATAL_ERROR "bifocal needs these packages, which are not installed:${bifocal_missing}\n"
                      "On Debian 12, tools/setup.sh installs all of them.")
endif()
