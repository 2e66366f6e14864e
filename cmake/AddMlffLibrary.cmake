# add_mlff_library(bayes SOURCES a.cpp HEADERS a.hpp LINKS mlff_eigen [PRIVATE_LINKS …] [SURFACE mlff/bayes.hpp])
# Makes the library mlff::bayes: public headers as a file set (installed, each checked to compile by itself),
# C++20 without extensions, warnings for our own sources only. SURFACE, below interfaces/cpp, is what others include.
function(add_mlff_library name)
  cmake_parse_arguments(arg "" "SURFACE" "SOURCES;HEADERS;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(mlff_${name} ${arg_SOURCES})   # static, or shared with BUILD_SHARED_LIBS
  add_library(mlff::${name} ALIAS mlff_${name})
  target_sources(mlff_${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  if(arg_SURFACE)
    target_sources(mlff_${name} PUBLIC FILE_SET surface TYPE HEADERS
      BASE_DIRS ${PROJECT_SOURCE_DIR}/interfaces/cpp FILES ${PROJECT_SOURCE_DIR}/interfaces/cpp/${arg_SURFACE})
    set(install_surface FILE_SET surface DESTINATION include)
  endif()
  target_compile_features(mlff_${name} PUBLIC cxx_std_20)
  target_link_libraries(mlff_${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
  set_target_properties(mlff_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON
    POSITION_INDEPENDENT_CODE ON DEFINE_SYMBOL "" VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  mlff_compile_options(mlff_${name})
  install(TARGETS mlff_${name} EXPORT mlff-targets FILE_SET HEADERS DESTINATION include/mlff
    ${install_surface})
endfunction()

# How our own sources are compiled, and nobody else's: instruction set, products by the BLAS, warnings.
function(mlff_compile_options target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_definitions(${target} PRIVATE EIGEN_USE_BLAS)
  if(MLFF_ARCH AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${target} PRIVATE -march=${MLFF_ARCH})
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wdouble-promotion
      $<$<BOOL:${MLFF_WERROR}>:-Werror>)
  endif()
  if(MLFF_PRECOMPILED_HEADERS)
    target_link_libraries(${target} PRIVATE mlff_eigen)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <cmath> <filesystem> <functional> <map> <memory>
      <optional> <string> <vector> <Eigen/Dense>)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False alarms from the AVX-512 intrinsics themselves (GCC bug 105593).
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-uninitialized)
  endif()
endfunction()
