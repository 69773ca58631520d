#include "lib/product.h"
