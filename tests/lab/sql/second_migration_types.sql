-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- The columns of the clinic's second migration that PostgreSQL would write anew.

ALTER TABLE "Sale" ALTER COLUMN "subtotal" TYPE DECIMAL(10, 2), ALTER COLUMN "total" TYPE DECIMAL(10, 2);
ALTER TABLE "SaleItem" ALTER COLUMN "unitPrice" TYPE DECIMAL(10, 2);
