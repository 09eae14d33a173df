-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- The changes of migrations/schema_optimizations.yml as somebody careful types them into psql, one after another.
CREATE INDEX CONCURRENTLY "Appointment_tenantId_status_dateTime_idx" ON "Appointment" ("tenantId", "status", "dateTime");
CREATE INDEX CONCURRENTLY "Reminder_tenantId_status_dueDate_idx" ON "Reminder" ("tenantId", "status", "dueDate");
CREATE INDEX CONCURRENTLY "Sale_tenantId_status_createdAt_idx" ON "Sale" ("tenantId", "status", "createdAt");
CREATE INDEX CONCURRENTLY "CashDrawer_tenantId_status_openedAt_idx" ON "CashDrawer" ("tenantId", "status", "openedAt");
CREATE INDEX CONCURRENTLY "Staff_tenantId_isActive_idx" ON "Staff" ("tenantId", "isActive");
CREATE INDEX CONCURRENTLY "Service_tenantId_isActive_category_idx" ON "Service" ("tenantId", "isActive", "category");
CREATE INDEX CONCURRENTLY "InventoryItem_tenantId_status_quantity_idx"
    ON "InventoryItem" ("tenantId", "status", "quantity");
CREATE INDEX CONCURRENTLY "MedicalHistory_tenantId_visitDate_idx" ON "MedicalHistory" ("tenantId", "visitDate");
CREATE INDEX CONCURRENTLY "TreatmentSchedule_tenantId_status_scheduledDate_idx"
    ON "TreatmentSchedule" ("tenantId", "status", "scheduledDate");

ALTER TABLE "CashDrawer" ALTER COLUMN "openedById" DROP NOT NULL;

ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_openedById_fkey_new" FOREIGN KEY ("openedById")
    REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE NOT VALID;
ALTER TABLE "CashDrawer" VALIDATE CONSTRAINT "CashDrawer_openedById_fkey_new";
BEGIN;
ALTER TABLE "CashDrawer" DROP CONSTRAINT "CashDrawer_openedById_fkey";
ALTER TABLE "CashDrawer" RENAME CONSTRAINT "CashDrawer_openedById_fkey_new" TO "CashDrawer_openedById_fkey";
COMMIT;
