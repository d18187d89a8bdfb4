// What Swift leaves out of its module Glibc.
#pragma once
#include <malloc.h>
