include(CMakePackageConfigHelpers)
install(EXPORT mlff-targets NAMESPACE mlff:: DESTINATION lib/cmake/mlff)
configure_package_config_file(cmake/mlff-config.cmake.in mlff-config.cmake INSTALL_DESTINATION lib/cmake/mlff)
write_basic_package_version_file(mlff-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mlff-config.cmake ${PROJECT_BINARY_DIR}/mlff-config-version.cmake
        DESTINATION lib/cmake/mlff)
