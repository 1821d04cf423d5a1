// Extended attributes.
#include "check.h"

int main(void) {
  start();
  char b[100];
  make("xa", "1");
  T(setxattr("xa", "user.a", "val", 3, 0));
  T(setxattr("xa", "user.a", "val2", 4, XATTR_CREATE));
  T(setxattr("xa", "user.b", "", 0, XATTR_REPLACE));
  T(setxattr("xa", "user.b", "", 0, 0));
  T(getxattr("xa", "user.a", b, 100));
  T(getxattr("xa", "user.a", b, 0));
  T(getxattr("xa", "user.a", b, 1));
  T(getxattr("xa", "user.zz", b, 1));
  T(listxattr("xa", b, 0));
  T(listxattr("xa", b, 1));
  T(removexattr("xa", "user.a"));
  T(removexattr("xa", "user.a"));
  T(setxattr("xa", "bogus.a", "v", 1, 0));
  T(setxattr("xa", "user.", "v", 1, 0));
  T(setxattr("nope", "user.a", "v", 1, 0));
  symlink("xa", "xal");
  T(lsetxattr("xal", "user.a", "v", 1, 0));
  T(setxattr("xal", "user.c", "v", 1, 0));
  T(getxattr("xa", "user.c", b, 10));
  T(fgetxattr(open("xa", 0), "user.c", b, 10));
  T(setxattr("xa", "user.big", b, 70000, 0));

  return finish();
}
