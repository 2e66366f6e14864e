cmake_minimum_required(VERSION 3.25)
# Run with: cmake -DROOT=<repo> -P CheckLayers.cmake
# A room may include itself and the rooms named for it; nothing else. The lists may not form a circle, so that the rooms
# cannot either. Third-party libraries that belong to one file are checked too: a newcomer finds each behind exactly one
# door. A file of libmlff above 450 lines says why.
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
set(interfaces/lammps_may)   # the C interface only
set(reference_may libmlff/atoms libmlff/model libmlff/data libmlff/io)
set(md_may libmlff/atoms libmlff/model libmlff/io)
set(analysis_may libmlff/atoms libmlff/io)
set(app_may analysis md reference ${all_of_libmlff} descriptors bayes)
set(rooms descriptors bayes ${all_of_libmlff} interfaces/c interfaces/cpp interfaces/lammps reference md analysis app)   # from the ground up

# Third-party libraries: a pattern of their headers or of the declarations of their functions, then the files that may.
# A BLAS or LAPACK function is declared as "void dgetrf_(const"; names of ScaLAPACK begin with p, of BLACS with C.
set(doors
  "^#include [\"<]yaml-cpp/@libmlff/io/config.cpp"
  "^#include [\"<]hdf5@libmlff/io/hdf5_handle.hpp"
  "^#include [\"<]zlib@libmlff/io/text_file.cpp"
  "^#include [\"<]expat@libmlff/io/vasprun.cpp"
  "^#include [\"<]fftw3@analysis/fourier.cpp"
  "^#include [\"<](unsupported/)?Eigen/FFT@analysis/fourier.cpp"
  "^#include [\"<]mpi\\.h@libmlff/parallel/communicator.cpp|app/mpi_session.cpp|interfaces/lammps/pair_mlff.cpp"
  "^#include [\"<]CLI/@app/main.cpp"
  "^#include [\"<](cblas|lapacke|lapack|mkl|openblas|Eigen/src/misc/)@bayes/lapack.cpp"
  "^(extern \"C\" )?(void|int|float|double) [sdczi][a-z0-9]+_\\(const @bayes/lapack.cpp"
  "^(extern \"C\" )?(void|int|float|double) (p[sdcz][a-z0-9]+_|numroc_|descinit_|C[a-z0-9]*blacs_[a-z]+|Cp[sdcz][a-z0-9]+)\\(@libmlff/parallel/distributed_factor.cpp|libmlff/parallel/communicator.cpp")

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
    # Each library behind its door: a header, or the declaration of a function of it.
    foreach(door IN LISTS doors)
      string(REGEX REPLACE "@.*" "" pattern "${door}")
      string(REGEX REPLACE "^[^@]*@" "" owners "${door}")
      string(REPLACE "|" ";" owners "${owners}")
      list(TRANSFORM owners PREPEND ${ROOT}/)
      file(STRINGS ${file} lines REGEX "${pattern}")
      if(lines AND NOT file IN_LIST owners)
        string(APPEND bad "\n  ${file}: ${lines} (only ${owners} may)")
      endif()
    endforeach()
    file(STRINGS ${file} lines REGEX "^#include [\"<]nlohmann/")
    if(lines AND NOT room STREQUAL app)
      string(APPEND bad "\n  ${file}: ${lines} (only app may)")
    endif()
    # A long file says why at its beginning, in words of its own: "Long because ...".
    if(room MATCHES "^libmlff/")
      file(READ ${file} text)
      string(REGEX REPLACE "[^\n]" "" line_ends "${text}")
      string(LENGTH "${line_ends}" n_lines)
      if(n_lines GREATER 450 AND NOT text MATCHES "^(//[^\n]*\n)*// Long because ")
        string(APPEND bad "\n  ${file}: ${n_lines} lines, more than 450, and no comment \"// Long because ...\" at its top")
      endif()
    endif()
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
