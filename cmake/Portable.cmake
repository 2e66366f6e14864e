# One program for every x86-64: `mlff` itself runs on any of them and hands over to the variant beside it that uses what
# the CPU has (app/process.cpp). Each variant is this project built once more; one instruction set per program.
include(ExternalProject)
foreach(level IN ITEMS x86-64-v3 x86-64-v4)
  ExternalProject_Add(mlff-${level}
    SOURCE_DIR ${PROJECT_SOURCE_DIR}
    BINARY_DIR ${PROJECT_BINARY_DIR}/${level}
    CMAKE_ARGS -DMLFF_ARCH=${level} -DMLFF_PORTABLE=OFF -DMLFF_BUILD_TESTS=OFF -DMLFF_MPI=${MLFF_MPI}
               -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    BUILD_COMMAND ${CMAKE_COMMAND} --build . --target mlff
    INSTALL_COMMAND ${CMAKE_COMMAND} -E copy bin/mlff ${PROJECT_BINARY_DIR}/bin/mlff-${level}
    BUILD_ALWAYS ON)
  install(PROGRAMS ${PROJECT_BINARY_DIR}/bin/mlff-${level} TYPE BIN)
endforeach()
