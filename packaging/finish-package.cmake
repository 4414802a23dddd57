# What Debian wants of the files of a package, beyond what is installed everywhere: manual pages and the changelog are
# packed, the licence is the one that every Debian system has, and zsh finds completions of packages in a folder of theirs.
set(root "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share")

function(pack file)
  execute_process(COMMAND gzip -9 --no-name "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(GLOB pages "${root}/man/man1/*.1")
foreach(page IN LISTS pages)
  pack("${page}")
endforeach()

configure_file("${CPACK_FAULTLINE_CHANGELOG}" "${root}/doc/faultline/changelog.Debian" COPYONLY)
pack("${root}/doc/faultline/changelog.Debian")
file(REMOVE "${root}/doc/faultline/LICENSE")

if(EXISTS "${root}/zsh/site-functions")
  file(RENAME "${root}/zsh/site-functions" "${root}/zsh/vendor-completions")
endif()
