-- The clinic's schema optimizations as a page of manual steps has them: everything in one transaction, run with
-- psql "$DATABASE_URL" < PRODUCTION_MIGRATION.sql
-- Written anew from the sections of that page; ../schema_optimizations.yml is what it was meant to be.

BEGIN;

-- Composite indexes: each table is locked for writers until COMMIT
CREATE INDEX IF NOT EXISTS "Appointment_tenantId_status_dateTime_idx"
  ON "Appointment" ("tenantId", "status", "dateTime");
CREATE INDEX IF NOT EXISTS "Reminder_tenantId_status_dueDate_idx" ON "Reminder" ("tenantId", "status", "dueDate");
CREATE INDEX IF NOT EXISTS "Sale_tenantId_status_createdAt_idx" ON "Sale" ("tenantId", "status", "createdAt");
CREATE INDEX IF NOT EXISTS "CashDrawer_tenantId_status_openedAt_idx"
  ON "CashDrawer" ("tenantId", "status", "openedAt");
CREATE INDEX IF NOT EXISTS "Staff_tenantId_isActive_idx" ON "Staff" ("tenantId", "isActive");
CREATE INDEX IF NOT EXISTS "Service_tenantId_isActive_category_idx" ON "Service" ("tenantId", "isActive", "category");
CREATE INDEX IF NOT EXISTS "InventoryItem_tenantId_status_quantity_idx"
  ON "InventoryItem" ("tenantId", "status", "quantity");
CREATE INDEX IF NOT EXISTS "MedicalHistory_tenantId_visitDate_idx" ON "MedicalHistory" ("tenantId", "visitDate");
CREATE INDEX IF NOT EXISTS "TreatmentSchedule_tenantId_status_scheduledDate_idx"
  ON "TreatmentSchedule" ("tenantId", "status", "scheduledDate");

-- The user who opened a cash drawer can be deleted
ALTER TABLE "CashDrawer" DROP CONSTRAINT "CashDrawer_openedById_fkey";
ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_openedById_fkey"
  FOREIGN KEY ("openedById") REFERENCES "User" ("id") ON DELETE SET NULL;

COMMIT;
