# Installs the build tree BUILD, builds the project SRC against the installed package, and runs it with the force field
# MODEL.   Run with: cmake -DBUILD=… -DSRC=… -DMODEL=… -DGENERATOR=… -DCXX=… -DFLAGS=… -DTYPE=… -DPYTHON=… -P run.cmake
set(prefix ${BUILD}/package-test)
file(REMOVE_RECURSE ${prefix})
foreach(command IN ITEMS
    "--install;${BUILD};--prefix;${prefix}/install"
    "-S;${SRC};-B;${prefix}/build;-G;${GENERATOR};-DCMAKE_PREFIX_PATH=${prefix}/install;-DCMAKE_CXX_COMPILER=${CXX};-DCMAKE_CXX_FLAGS=${FLAGS};-DCMAKE_BUILD_TYPE=${TYPE}"
    "--build;${prefix}/build")
  execute_process(COMMAND ${CMAKE_COMMAND} ${command} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${prefix}/build/consumer COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${prefix}/build/consumer_model ${MODEL} COMMAND_ERROR_IS_FATAL ANY)
# A locale in which 0.5 is written 0,5, where localedef can make one.
execute_process(COMMAND localedef -c -i de_DE -f UTF-8 ${prefix}/de_DE.UTF-8 OUTPUT_QUIET ERROR_QUIET)
if(EXISTS ${prefix}/de_DE.UTF-8/LC_NUMERIC)
  set(locale LOCPATH=${prefix} LOCALE=de_DE.UTF-8)
else()
  message("localedef cannot make the locale de_DE: tried with the locale C only")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E env ${locale} ${prefix}/build/consumer_c ${MODEL} COMMAND_ERROR_IS_FATAL ANY)

# The installed Python package finds the library of its installation.
execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=MLFF_LIBRARY PYTHONPATH=${prefix}/install/share/mlff/python
  ${PYTHON} -B -c "import mlff, mlff._library as l, mlff.program as p; mlff.ForceField('${MODEL}'); \
print(l.library_path(), p.program_path()); assert '${prefix}' in l.library_path() and '${prefix}' in p.program_path()"
  COMMAND_ERROR_IS_FATAL ANY)

# The shared library exports the functions of its header and nothing else.
file(GLOB library ${prefix}/install/lib/libmlff.so)
execute_process(COMMAND nm -D --defined-only ${library} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" exported "${symbols}")
file(READ ${prefix}/install/include/mlff.h header)
foreach(name IN LISTS exported)
  string(STRIP "${name}" name)
  if(NOT header MATCHES "MLFF_API [^;]*[ *]${name}\\(")
    message(FATAL_ERROR "the shared library exports ${name}, which mlff.h does not declare")
  endif()
endforeach()
