-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- The clinic's indexes, built after the data is in: primary keys that are not in schema.sql, unique indexes, and one
-- index on each foreign key column, named as Prisma names them.

CREATE UNIQUE INDEX "Tenant_slug_key" ON "Tenant"("slug");

CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE INDEX "User_tenantId_idx" ON "User"("tenantId");

CREATE INDEX "Customer_tenantId_idx" ON "Customer"("tenantId");
CREATE INDEX "Customer_userId_idx" ON "Customer"("userId");

CREATE INDEX "Pet_tenantId_idx" ON "Pet"("tenantId");
CREATE INDEX "Pet_customerId_idx" ON "Pet"("customerId");

CREATE UNIQUE INDEX "Staff_userId_key" ON "Staff"("userId");
CREATE INDEX "Staff_tenantId_idx" ON "Staff"("tenantId");

CREATE INDEX "Service_tenantId_idx" ON "Service"("tenantId");

CREATE INDEX "InventoryItem_tenantId_idx" ON "InventoryItem"("tenantId");

ALTER TABLE "Appointment" ADD CONSTRAINT "Appointment_pkey" PRIMARY KEY ("id");
CREATE INDEX "Appointment_tenantId_idx" ON "Appointment"("tenantId");
CREATE INDEX "Appointment_petId_idx" ON "Appointment"("petId");
CREATE INDEX "Appointment_customerId_idx" ON "Appointment"("customerId");
CREATE INDEX "Appointment_staffId_idx" ON "Appointment"("staffId");
CREATE INDEX "Appointment_userId_idx" ON "Appointment"("userId");

ALTER TABLE "Reminder" ADD CONSTRAINT "Reminder_pkey" PRIMARY KEY ("id");
CREATE INDEX "Reminder_tenantId_idx" ON "Reminder"("tenantId");
CREATE INDEX "Reminder_petId_idx" ON "Reminder"("petId");
CREATE INDEX "Reminder_customerId_idx" ON "Reminder"("customerId");
CREATE INDEX "Reminder_userId_idx" ON "Reminder"("userId");

ALTER TABLE "MedicalHistory" ADD CONSTRAINT "MedicalHistory_pkey" PRIMARY KEY ("id");
CREATE INDEX "MedicalHistory_tenantId_idx" ON "MedicalHistory"("tenantId");
CREATE INDEX "MedicalHistory_petId_idx" ON "MedicalHistory"("petId");
CREATE INDEX "MedicalHistory_staffId_idx" ON "MedicalHistory"("staffId");

ALTER TABLE "TreatmentSchedule" ADD CONSTRAINT "TreatmentSchedule_pkey" PRIMARY KEY ("id");
CREATE INDEX "TreatmentSchedule_tenantId_idx" ON "TreatmentSchedule"("tenantId");
CREATE INDEX "TreatmentSchedule_petId_idx" ON "TreatmentSchedule"("petId");

CREATE UNIQUE INDEX "Sale_saleNumber_key" ON "Sale"("saleNumber");
CREATE INDEX "Sale_tenantId_idx" ON "Sale"("tenantId");
CREATE INDEX "Sale_customerId_idx" ON "Sale"("customerId");
CREATE INDEX "Sale_petId_idx" ON "Sale"("petId");
CREATE INDEX "Sale_userId_idx" ON "Sale"("userId");
CREATE INDEX "Sale_staffId_idx" ON "Sale"("staffId");

ALTER TABLE "SaleItem" ADD CONSTRAINT "SaleItem_pkey" PRIMARY KEY ("id");
CREATE INDEX "SaleItem_saleId_idx" ON "SaleItem"("saleId");
CREATE INDEX "SaleItem_itemId_idx" ON "SaleItem"("itemId");
CREATE INDEX "SaleItem_serviceId_idx" ON "SaleItem"("serviceId");

ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_pkey" PRIMARY KEY ("id");
CREATE INDEX "CashDrawer_tenantId_idx" ON "CashDrawer"("tenantId");
CREATE INDEX "CashDrawer_openedById_idx" ON "CashDrawer"("openedById");
CREATE INDEX "CashDrawer_closedById_idx" ON "CashDrawer"("closedById");
