# Every third-party package enters here and nowhere else.
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(LAPACK REQUIRED)   # OpenBLAS or any other; BLA_VENDOR chooses
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)      # yaml-cpp < 0.8 exports no namespace
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(EXPAT REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
enable_language(C)                     # FindHDF5 compiles C to look the library up
find_package(HDF5 REQUIRED COMPONENTS C)
# FFTW makes the correlations of the analysis fast; where it is missing the transform that comes with Eigen serves.
find_package(PkgConfig)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(FFTW fftw3)
endif()

# MPI shares one job among processes; without it the program runs as one.
option(MLFF_MPI "Build with MPI" ON)
add_library(mlff_mpi INTERFACE)
if(MLFF_MPI)
  find_package(MPI REQUIRED COMPONENTS C)    # the C interface serves C++ as well
  target_link_libraries(mlff_mpi INTERFACE MPI::MPI_C)
  target_compile_definitions(mlff_mpi INTERFACE MLFF_WITH_MPI)
  # For factors that outgrow a rank; where it is missing such fits are refused.
  if(MPI_C_LIBRARIES MATCHES "mpich")
    find_library(SCALAPACK_LIBRARY NAMES scalapack-mpich scalapack)
  else()
    find_library(SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack)
  endif()
  if(SCALAPACK_LIBRARY)
    target_link_libraries(mlff_mpi INTERFACE ${SCALAPACK_LIBRARY})
    target_compile_definitions(mlff_mpi INTERFACE MLFF_WITH_SCALAPACK)
  endif()
endif()
set_target_properties(mlff_mpi PROPERTIES EXPORT_NAME mpi)
install(TARGETS mlff_mpi EXPORT mlff-targets)

# Eigen for the libraries and their users. One alignment for all, whatever instruction set each is compiled for: memory
# that the library allocates may be freed by a program for plain x86-64. Instruction set and BLAS are our own affair
# (mlff_compile_options).
add_library(mlff_eigen INTERFACE)
add_library(mlff::eigen ALIAS mlff_eigen)
target_link_libraries(mlff_eigen INTERFACE Eigen3::Eigen LAPACK::LAPACK)
target_compile_definitions(mlff_eigen INTERFACE EIGEN_MAX_ALIGN_BYTES=64 EIGEN_DONT_PARALLELIZE)
set_target_properties(mlff_eigen PROPERTIES EXPORT_NAME eigen)
install(TARGETS mlff_eigen EXPORT mlff-targets)

if(MLFF_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
