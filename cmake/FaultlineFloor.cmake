# Compiler settings that every target of ours shares, and faultline_floor(), which makes one folder one library.

add_library(faultline_settings INTERFACE)
target_compile_features(faultline_settings INTERFACE cxx_std_20)
target_compile_options(faultline_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<BOOL:${FAULTLINE_WERROR}>:-Werror>)
target_include_directories(faultline_settings INTERFACE "${CMAKE_SOURCE_DIR}")
if(FAULTLINE_SANITIZE)
  target_compile_options(faultline_settings INTERFACE
    -fsanitize=${FAULTLINE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # gcc 12 sees what is not there in code that a sanitizer has been at (std::regex).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(faultline_settings INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(faultline_settings INTERFACE -fsanitize=${FAULTLINE_SANITIZE})
endif()
if(FAULTLINE_FUZZ)
  # Coverage for all code, so that the fuzzer sees what its inputs reach; only the targets get the fuzzer's main.
  target_compile_options(faultline_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# faultline_precompile(<target> <more headers>...)
# The library's headers that nearly every file needs, parsed once per target: half of the time that a file takes. Each file
# still includes what it uses; the preset `tidy` builds without this and so sees it where one does not.
function(faultline_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cstdint> <cstring> <functional> <map> <memory> <optional> <set> <span> <string> <string_view>
    <tuple> <utility> <variant> <vector> <fcntl.h> <sys/stat.h> <unistd.h> <tl/expected.hpp> ${ARGN})
endfunction()

# faultline_sources(<variable>)
# Every .cpp below the current folder; a file added later is noticed by the next build.
function(faultline_sources variable)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(SORT sources)
  set(${variable} "${sources}" PARENT_SCOPE)
endfunction()

# faultline_floor(<folder> <libraries>...)
# Defines the static library faultline_<folder> from the current folder's sources. The libraries are what the folder
# may see: the floor below it and the packages named in the design. Without any source it is an interface library, so
# that a folder of headers works as well.
function(faultline_floor folder)
  faultline_sources(sources)
  if(sources)
    add_library(faultline_${folder} STATIC ${sources})
    set(scope PUBLIC)
    faultline_precompile(faultline_${folder})
  else()
    add_library(faultline_${folder} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(faultline_${folder} ${scope} faultline_settings ${ARGN})
endfunction()
