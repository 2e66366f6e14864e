# Installs the build tree BUILD, builds the project SRC against the installed package, and runs it.
# Run with: cmake -DBUILD=… -DSRC=… -DGENERATOR=… -DCXX=… -DFLAGS=… -DTYPE=… -P run.cmake
set(prefix ${BUILD}/package-test)
file(REMOVE_RECURSE ${prefix})
foreach(command IN ITEMS
    "--install;${BUILD};--prefix;${prefix}/install"
    "-S;${SRC};-B;${prefix}/build;-G;${GENERATOR};-DCMAKE_PREFIX_PATH=${prefix}/install;-DCMAKE_CXX_COMPILER=${CXX};-DCMAKE_CXX_FLAGS=${FLAGS};-DCMAKE_BUILD_TYPE=${TYPE}"
    "--build;${prefix}/build")
  execute_process(COMMAND ${CMAKE_COMMAND} ${command} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${prefix}/build/consumer COMMAND_ERROR_IS_FATAL ANY)
