# One program for every x86-64: `mlff` itself runs on any of them and hands over to the one beside it that uses what the
# CPU has (app/variant.hpp). Those are this project built once more for each level, as an instruction set holds for a
# whole program (Dependencies.cmake).
include(CheckCXXSourceCompiles)
include(ExternalProject)
check_cxx_source_compiles("int main() { return __builtin_cpu_supports(\"x86-64-v4\"); }" MLFF_KNOWS_X86_LEVELS)
if(NOT MLFF_KNOWS_X86_LEVELS)
  message(FATAL_ERROR "MLFF_PORTABLE: this compiler does not know the levels of x86-64; GCC 12 does")
endif()

# They get all settings of this build and what it has found, from one file that is written anew at each configuration; they
# start from nothing but this file whenever it has changed (--fresh).
get_cmake_property(names CACHE_VARIABLES)
list(REMOVE_ITEM names MLFF_ARCH MLFF_PORTABLE MLFF_BUILD_TESTS MLFF_KNOWS_X86_LEVELS)
set(settings "set(MLFF_BUILD_TESTS OFF CACHE BOOL \"\")\n")
foreach(name IN LISTS names)
  get_property(type CACHE ${name} PROPERTY TYPE)
  if(type STREQUAL "UNINITIALIZED")   # -DNAME=value without a type
    set(type STRING)
  endif()
  if(NOT type MATCHES "^(INTERNAL|STATIC)$")
    string(APPEND settings "set(${name} [==[$CACHE{${name}}]==] CACHE ${type} \"\")\n")
  endif()
endforeach()
set(settings_file ${PROJECT_BINARY_DIR}/portable-settings.cmake)
file(CONFIGURE OUTPUT ${settings_file} CONTENT "${settings}" @ONLY)

set(built_before mlff)   # one after the other: each takes all cores
foreach(level IN ITEMS x86-64-v3 x86-64-v4)
  set(tree ${PROJECT_BINARY_DIR}/${level})
  ExternalProject_Add(mlff-${level}
    SOURCE_DIR ${PROJECT_SOURCE_DIR}
    BINARY_DIR ${tree}
    CMAKE_ARGS --fresh -C ${settings_file} -DMLFF_ARCH=${level} -DMLFF_PROGRAM_SUFFIX=-${level}
    INSTALL_COMMAND ${CMAKE_COMMAND} -E copy_if_different ${tree}/bin/mlff-${level} ${PROJECT_BINARY_DIR}/bin
    DEPENDS ${built_before}
    BUILD_ALWAYS ON
    USES_TERMINAL_BUILD ON)
  ExternalProject_Add_StepDependencies(mlff-${level} configure ${settings_file})
  install(SCRIPT ${tree}/app/cmake_install.cmake)
  set(built_before mlff-${level})
endforeach()
