cmake_minimum_required(VERSION 3.25)
# Run with: cmake -DROOT=<repo> -P CheckLayers.cmake
# A room may include itself and the rooms named for it; nothing else. The lists may not form a circle, so that the rooms
# cannot either. Third-party headers that belong to one file are checked too: a newcomer finds each library behind exactly
# one door.
set(descriptors_may)
set(bayes_may)
set(libmlff/atoms_may)
set(libmlff/model_may libmlff/atoms descriptors bayes)
set(libmlff/data_may libmlff/atoms libmlff/model)
set(libmlff/io_may libmlff/atoms libmlff/model descriptors bayes)
set(libmlff/regression_may libmlff/atoms libmlff/model libmlff/data descriptors bayes)
set(libmlff/learning_may libmlff/atoms libmlff/model libmlff/data libmlff/io libmlff/regression descriptors bayes)
set(libmlff/search_may libmlff/atoms libmlff/model libmlff/data libmlff/regression libmlff/learning descriptors bayes)
set(libmlff/parallel_may libmlff/atoms libmlff/model libmlff/data libmlff/io libmlff/regression descriptors bayes)
set(all_of_libmlff libmlff/atoms libmlff/model libmlff/data libmlff/io libmlff/regression libmlff/learning
  libmlff/search libmlff/parallel)
set(interfaces/c_may libmlff/atoms libmlff/model libmlff/io bayes)
set(interfaces/cpp_may ${all_of_libmlff})
set(reference_may libmlff/atoms libmlff/model libmlff/data libmlff/io)
set(md_may libmlff/atoms libmlff/model libmlff/io)
set(analysis_may libmlff/atoms libmlff/io)
set(app_may analysis md reference ${all_of_libmlff} descriptors bayes)
set(rooms descriptors bayes ${all_of_libmlff} interfaces/c interfaces/cpp reference md analysis app)   # from the ground up

set(bad "")
set(below "")
foreach(room IN LISTS rooms)   # a room may only use rooms that stand before it in this order: no circle
  foreach(other IN LISTS ${room}_may)
    if(NOT other IN_LIST below)
      string(APPEND bad "\n  ${room} may include ${other}, which is not below it")
    endif()
  endforeach()
  list(APPEND below ${room})
endforeach()

list(JOIN rooms "|" any_room)
foreach(room IN LISTS rooms)
  file(GLOB_RECURSE files ${ROOT}/${room}/*.hpp ${ROOT}/${room}/*.cpp)
  if(NOT files)
    string(APPEND bad "\n  ${room}: no files")
  endif()
  foreach(file IN LISTS files)
    file(STRINGS ${file} lines REGEX "^#include [\"<](${any_room})/")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^#include [\"<](${any_room})/.*" "\\1" target "${line}")
      if(NOT target STREQUAL room AND NOT target IN_LIST ${room}_may
          AND NOT line MATCHES "libmlff/atoms/errors.hpp")   # on the ground: the one base of errors
        string(APPEND bad "\n  ${file}: ${line}")
      endif()
    endforeach()
    foreach(door IN ITEMS "yaml-cpp/=libmlff/io/config.cpp" "hdf5=libmlff/io/hdf5_handle.hpp"
        "zlib=libmlff/io/text_file.cpp" "expat=libmlff/io/vasprun.cpp" "fftw3=analysis/fourier.cpp"
        "mpi\\.h=libmlff/parallel/communicator.cpp;app/mpi_session.cpp;interfaces/lammps/pair_mlff.cpp")
      string(REGEX REPLACE "=.*" "" header "${door}")
      string(REGEX REPLACE "^[^=]*=" "" owners "${door}")
      list(TRANSFORM owners PREPEND ${ROOT}/)
      file(STRINGS ${file} lines REGEX "^#include <${header}")
      if(lines AND NOT file IN_LIST owners)
        string(APPEND bad "\n  ${file}: ${lines} (only ${owners} may)")
      endif()
    endforeach()
  endforeach()
endforeach()
# Nothing of libmlff stands outside its rooms.
file(GLOB stray ${ROOT}/libmlff/*.hpp ${ROOT}/libmlff/*.cpp)
if(stray)
  string(APPEND bad "\n  outside the rooms: ${stray}")
endif()
if(bad)
  message(FATAL_ERROR "dependency direction violated:${bad}")
endif()
