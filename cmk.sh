cat > CMakeLists.txt <<X
cmake_minimum_required(VERSION 3.10)
project(h CXX C)
find_package(Threads REQUIRED)
add_library(l SHARED l.cpp)
add_executable(m m.cpp)
target_link_libraries(m l Threads::Threads)
enable_testing()
add_test(NAME t COMMAND m)
install(TARGETS m l)
X
echo 'int f(int x){return x*2;}' > l.cpp
cat > m.cpp <<X
#include <thread>
#include <iostream>
int f(int);
int main(){ int r=0; std::thread t([&]{r=f(21);}); t.join(); std::cout<<r<<"\n"; }
X
cmake -G Ninja -S . -B b 2>&1 | grep -v Done\|done; ninja -C b | tail -3; (cd b; ctest 2>&1 | grep Passed | sed 's/[0-9.]* sec//'); cmake --install b --prefix $PWD/i; i/bin/m || b/m
cmake -S . -B b2 >/dev/null; make -C b2 -j2 2>&1 | tail -4; b2/m
rm -rf b b2
